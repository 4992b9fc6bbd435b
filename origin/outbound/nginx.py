"""nginx with the cache purge module: PURGE, one URL at a time, answered by the server that caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cache.purges import Purge, Scope
from origin.http.fields import Fields
from origin.outbound.edge import Answer, Call, Plan, Verdict, globs_of, judged


@dataclass(frozen=True, slots=True)
class Nginx:
    """One nginx. What is purged there is gone, soft or not; tags cannot be purged there."""

    name: str
    base: str  # "http://10.0.0.5", where it listens
    host: str | None = None  # the Host field, where the cache key holds the name that viewers use
    has_globs: bool = False  # the module knows a "*" at the end of a path; those before 2.4 take it literally

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """See `Edge`."""
        del now
        fields: Fields = () if self.host is None else (("Host", self.host),)
        calls, unsupported = [], []
        for purge in purges:
            targets = self._targets(purge)
            calls += [Call("PURGE", self.base + target, fields) for target in targets]
            if not targets:
                unsupported.append(purge)
        return Plan(tuple(calls), tuple(unsupported))

    def judge(self, answer: Answer) -> Verdict:
        """See `Edge`. 404, or 412 in newer releases, says that it was not there."""
        return Verdict.DONE if answer.status in {404, 412} else judged(answer)

    def _targets(self, purge: Purge) -> tuple[str, ...]:
        if purge.scope is Scope.URL:
            is_one = "?" in purge.value or not self.has_globs
            return (purge.value,) if is_one else (purge.value, f"{purge.value}?*")
        return globs_of(purge.value) if purge.scope is Scope.PREFIX and self.has_globs else ()
