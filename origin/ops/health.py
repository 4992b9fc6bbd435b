"""Is the process alive, and should it get traffic?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Probe = Callable[[], Awaitable[None]]

_PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found."""

    name: str
    is_ok: bool
    reason: str = ""


class Health:
    """Asks every dependency that viewers cannot do without.

    Redis is not among them: with Redis away every answer still comes from memory and storage (its state is a
    metric, not a reason to take the process out of rotation).
    """

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        """`probes` by name; a probe raises when its dependency cannot serve."""
        self._probes = dict(probes)
        self.is_draining = False

    async def check(self) -> list[Finding]:
        """Every probe's finding, all asked at once, none for longer than two seconds."""
        findings = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
        if self.is_draining:
            findings.append(Finding("process", is_ok=False, reason="draining"))
        return findings

    async def _ask(self, name: str, probe: Probe) -> Finding:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await probe()
        except TimeoutError:
            return Finding(name, is_ok=False, reason="timeout")
        except Exception as error:  # whatever a dependency throws means "not ready"
            return Finding(name, is_ok=False, reason=str(getattr(error, "reason", type(error).__name__)))
        return Finding(name, is_ok=True)
