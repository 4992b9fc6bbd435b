"""Cloudflare: `purge_cache` of a zone, by URLs, prefixes or tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cache.purges import Purge, Scope
from origin.outbound.edge import Answer, Call, Plan, Verdict, batches, host_of, judged, split_by_scope

_AT_ONCE = 30  # a call takes that many on every plan


@dataclass(frozen=True, slots=True)
class Cloudflare:
    """One zone. What is purged there is gone, soft or not. A URL without a query means itself alone there."""

    name: str
    zone: str
    token: str = field(repr=False)
    sites: tuple[str, ...]  # as viewers address it: "https://cdn.example"
    base: str = "https://api.cloudflare.com/client/v4"

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """See `Edge`."""
        del now
        scopes = split_by_scope(purges)
        unsupported = [one for one in scopes[Scope.PREFIX] if not _is_directory(one.value)]
        prefixes = [one.value.rstrip("*") for one in scopes[Scope.PREFIX] if _is_directory(one.value)]
        unsupported += [one for one in scopes[Scope.TAG] if "," in one.value]
        tags = [one.value for one in scopes[Scope.TAG] if "," not in one.value]
        calls = [
            *self._calls("files", [f"{site}{one.value}" for one in scopes[Scope.URL] for site in self.sites]),
            *self._calls("prefixes", [f"{host_of(site)}{value}" for value in prefixes for site in self.sites]),
            *self._calls("tags", tags),
        ]
        return Plan(tuple(calls), tuple(unsupported))

    def judge(self, answer: Answer) -> Verdict:
        """See `Edge`. A purge that went well says so in its body too."""
        verdict = judged(answer)
        if verdict is not Verdict.DONE:
            return verdict
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            return Verdict.LATER
        return Verdict.DONE if isinstance(said, dict) and said.get("success") is True else Verdict.REFUSED

    def _calls(self, kind: str, values: Sequence[str]) -> Iterator[Call]:
        fields = (("Authorization", f"Bearer {self.token}"), ("Content-Type", "application/json"))
        for some in batches(values, _AT_ONCE):
            body = json.dumps({kind: list(some)}).encode()
            yield Call("POST", f"{self.base}/zones/{self.zone}/purge_cache", fields, body, len(some))


def _is_directory(prefix: str) -> bool:
    """Whether it ends where a path segment does, as prefixes there do."""
    return not prefix.endswith("*") or (prefix.endswith("/*") and "?" not in prefix)
