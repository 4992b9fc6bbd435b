"""Fastly: purge of a URL, and of up to 256 surrogate keys in one call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cache.purges import Purge, Scope
from origin.outbound.edge import Answer, Call, Plan, Verdict, batches, judged, split_by_scope

_KEYS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Fastly:
    """One service. Of prefixes it knows "/" alone, and purges it hard. A URL without a query means itself alone."""

    name: str
    service: str
    key: str = field(repr=False)
    sites: tuple[str, ...]  # as viewers address it: "https://cdn.example"
    base: str = "https://api.fastly.com"

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """See `Edge`."""
        del now
        scopes = split_by_scope(purges)
        urls = [
            Call("PURGE", f"{site}{one.value}", self._fields(one.is_soft))
            for one in scopes[Scope.URL]
            for site in self.sites
        ]
        whole = [one for one in scopes[Scope.PREFIX] if one.value in {"/", "/*"}]
        everything = [Call("POST", f"{self._service}/purge_all", self._fields(is_soft=False), purges=len(whole))]
        keys = [*self._key_calls(scopes[Scope.TAG])]
        unsupported = [one for one in scopes[Scope.PREFIX] if one not in whole]
        unsupported += [one for one in scopes[Scope.TAG] if " " in one.value]
        return Plan((*urls, *(everything if whole else ()), *keys), tuple(unsupported))

    def judge(self, answer: Answer) -> Verdict:
        """See `Edge`."""
        return judged(answer)

    @property
    def _service(self) -> str:
        return f"{self.base}/service/{self.service}"

    def _key_calls(self, purges: Sequence[Purge]) -> Iterator[Call]:
        for is_soft in (True, False):
            keys = [one.value for one in purges if one.is_soft is is_soft and " " not in one.value]
            for some in batches(keys, _KEYS_AT_ONCE):
                body = json.dumps({"surrogate_keys": list(some)}).encode()
                fields = (*self._fields(is_soft), ("Content-Type", "application/json"))
                yield Call("POST", f"{self._service}/purge", fields, body, len(some))

    def _fields(self, is_soft: bool) -> tuple[tuple[str, str], ...]:
        soft = (("Fastly-Soft-Purge", "1"),) if is_soft else ()
        return ("Fastly-Key", self.key), ("Accept", "application/json"), *soft
