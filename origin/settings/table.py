"""What every TOML table is."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table: frozen, without unknown keys, and never quoting a value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: nothing in it changes, and its mappings cannot be copied."""
        return self
