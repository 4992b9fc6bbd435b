"""How many workers `auto` means: one for each processor that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container, as it sees itself (cgroup v2)


def usable_processors(limit: Path = _LIMIT) -> int:
    """Processors in the affinity mask, or fewer when the control group is given less time than that."""
    try:
        allowed = processors_of(limit.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        allowed = None
    usable = len(os.sched_getaffinity(0))
    return usable if allowed is None else max(1, min(usable, allowed))


def processors_of(cpu_max: str) -> int | None:
    """How many processors a control group's `cpu.max` is worth, rounded up; None when it has no limit."""
    quota, _, period = cpu_max.strip().partition(" ")
    if not (quota.isascii() and quota.isdecimal() and period.isascii() and period.isdecimal() and int(period) > 0):
        return None
    return max(1, math.ceil(int(quota) / int(period)))
