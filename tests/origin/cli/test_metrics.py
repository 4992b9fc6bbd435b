"""`headgate metrics`."""

from __future__ import annotations

from tests.origin.cli.conftest import Console


def test_the_reference_is_markdown(console: Console) -> None:
    said = console("metrics", "reference")
    assert (said.code, said.err) == (0, "")
    assert "| `headgate_requests_total` | counter | mount, kind, code |" in said.out
    assert "`process_`" in said.out
