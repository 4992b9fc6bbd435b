"""Who is told what the shield does."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from cache import Outcome
from origin.upstream.origin_server import Trouble


class Event(StrEnum):
    """Things worth counting beside answers and troubles. The values double as metric labels."""

    NOT_KEPT = "not_kept"  # the disk had no room
    INVALIDATED = "invalidated"  # by an unsafe method
    RELAYED = "relayed"  # came from another node of the fleet


class Recorder(Protocol):
    """Told of what happens on one mount, as it happens. Its methods are quick and never raise."""

    def answered(self, outcome: Outcome) -> None:
        """A request was answered."""
        ...

    def broke(self, trouble: Trouble) -> None:
        """An upstream gave no good answer, or a body broke."""
        ...

    def happened(self, event: Event) -> None:
        """Something countable happened."""
        ...
