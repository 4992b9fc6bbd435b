"""Tables are closed, frozen and their own copies."""

from __future__ import annotations

from copy import deepcopy

import pytest
from pydantic import ValidationError

from origin.settings.table import Table


class Sample(Table):
    number: int = 1


def test_a_table() -> None:
    table = Sample(number=2)
    assert deepcopy(table) is table
    with pytest.raises(ValidationError, match="frozen"):
        table.number = 3  # type: ignore[misc]
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"number": "a-secret", "other": 1})
    assert "a-secret" not in str(caught.value)
