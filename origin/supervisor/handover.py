"""What a supervisor's child is told of its part, in one environment variable, and what the two say to each other.

Between them is a pair of connected sockets. A worker sends `READY` when it answers requests; the supervisor sends
`RETIRE` when another has taken over. A planner writes the plan there. Where the one ends, the other
reads an end.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass

VARIABLE = "HEADGATE_SUPERVISED"

READY = b"1"
RETIRE = b"r"

_NUMBERS = r"[0-9]{1,6}(?:,[0-9]{1,6})*"
_WORKER = re.compile(rf"worker control=([0-9]{{1,6}}) public=({_NUMBERS}) admin=({_NUMBERS})")
_PLANNER = re.compile(r"planner control=([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class WorkerPart:
    """Serve on these sockets; all numbers are descriptors."""

    control: int
    public: tuple[int, ...]
    admin: tuple[int, ...]

    def descriptors(self) -> tuple[int, ...]:
        """Every descriptor that the child inherits."""
        return (self.control, *self.public, *self.admin)

    def spelled(self) -> str:
        """As the variable's value."""
        return f"worker control={self.control} public={_joined(self.public)} admin={_joined(self.admin)}"


@dataclass(frozen=True, slots=True)
class PlannerPart:
    """Read the configuration, write the plan to `control`, and end."""

    control: int

    def descriptors(self) -> tuple[int, ...]:
        """Every descriptor that the child inherits."""
        return (self.control,)

    def spelled(self) -> str:
        """As the variable's value."""
        return f"planner control={self.control}"


Part = WorkerPart | PlannerPart


def take_part(environ: MutableMapping[str, str]) -> Part | None:
    """This process's part, which is taken out of the environment; None when nobody supervises it.

    Raises `ValueError` for a value that no supervisor wrote.
    """
    value = environ.pop(VARIABLE, None)
    if value is None:
        return None
    if worker := _WORKER.fullmatch(value):
        return WorkerPart(int(worker[1]), _split(worker[2]), _split(worker[3]))
    if planner := _PLANNER.fullmatch(value):
        return PlannerPart(int(planner[1]))
    raise ValueError(f"{VARIABLE} is set by a supervisor alone")


def _joined(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _split(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))
