"""What is asked of an upstream for all who wait."""

from __future__ import annotations

from dataclasses import dataclass

from origin.http.fields import Fields, combined
from origin.httpcache.stored import StoredResponse


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the upstream beyond the viewer's own fields."""

    fields: Fields = ()  # preconditions, Range and If-Range
    key: str = ""  # of the kept response that a 304 or a 206 is about
    stored: StoredResponse | None = None  # its head
    variant: str = ""  # which one, where others are pulled at the same time

    @property
    def range(self) -> str | None:
        """The Range field."""
        return combined(self.fields, "Range")
