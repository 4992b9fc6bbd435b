"""`headgate dialects`."""

from __future__ import annotations

import json

from auth import DIALECTS
from tests.origin.cli.conftest import Console


def test_every_dialect_that_a_mount_may_name_is_listed(console: Console) -> None:
    said = console("dialects")
    rows = json.loads(console("dialects", "--json").out)
    assert said.code == 0
    assert set(rows) == {name for name, spec in DIALECTS.items() if not spec.is_internal}
    assert all(f"## `{name}`" in said.out for name in rows)
    assert rows["jwt"]["transports"] == ["cookie", "header", "path", "query"]
