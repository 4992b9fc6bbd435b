"""What a crew wants done; the shell does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Start:
    """Start a worker in a free slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class Retire:
    """Tell a worker that another has taken over: it drains, and nobody outside learns of it."""

    slot: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Tell a worker to drain and end; a second time, to end without waiting."""

    slot: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End a worker now."""

    slot: int


@dataclass(frozen=True, slots=True)
class AskForPlan:
    """Read the configuration anew, in a process of its own."""


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """End that process: what it would say is not awaited any more."""


@dataclass(frozen=True, slots=True)
class Say:
    """Write to the process log."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Serving:
    """Requests are answered by so many workers."""

    workers: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class Reloading:
    """A reload has begun; `Serving` ends it."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """The end has begun."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Everybody is gone."""

    code: int


Action = Start | Retire | Terminate | Kill | AskForPlan | ForgetPlan | Say | Serving | Reloading | Stopping | Exit
