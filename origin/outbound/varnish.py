"""Varnish, whose VCL says what it understands. These are the requests that it is sent:

PURGE /vod/a.ts?v=2   X-Purge-Mode: soft|hard              one URL: `purge.soft()` or `purge.hard()`
BAN /                 X-Ban-Url: ^/vod/a(/|\\?|$)            all URLs that match
PURGE /               xkey-softpurge or xkey-purge: a b    tags, with the xkey module
BAN /                 X-Ban-Tag: (^|[\\x20,])a([\\x20,]|$)   tags, without it
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cache.purges import Purge, Scope
from origin.http.fields import Fields
from origin.outbound.edge import Answer, Call, Plan, Verdict, batches, judged, split_by_scope

_TAGS_AT_ONCE = 50
_MODES = {True: "soft", False: "hard"}
_XKEYS = {True: "xkey-softpurge", False: "xkey-purge"}


@dataclass(frozen=True, slots=True)
class Varnish:
    """One Varnish."""

    name: str
    base: str  # "http://10.0.0.6:6081"
    host: str | None = None
    has_xkey: bool = True  # else tags are banned

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """See `Edge`."""
        del now
        scopes = split_by_scope(purges)
        # xkey has spaces between its keys, so that a tag with one in it can only be banned.
        by_key = [one for one in scopes[Scope.TAG] if self.has_xkey and " " not in one.value]
        calls = [self._url_call(one) for one in scopes[Scope.URL]]
        calls += [self._call("BAN", "/", ("X-Ban-Url", _prefix_pattern(one.value))) for one in scopes[Scope.PREFIX]]
        calls += self._xkey_calls(by_key)
        calls += [
            self._call("BAN", "/", ("X-Ban-Tag", rf"(^|[\x20,]){_escaped(one.value)}([\x20,]|$)"))
            for one in scopes[Scope.TAG]
            if one not in by_key
        ]
        return Plan(tuple(calls))

    def judge(self, answer: Answer) -> Verdict:
        """See `Edge`."""
        return judged(answer)

    def _url_call(self, purge: Purge) -> Call:
        if "?" in purge.value:
            return self._call("PURGE", purge.value, ("X-Purge-Mode", _MODES[purge.is_soft]))
        return self._call("BAN", "/", ("X-Ban-Url", rf"^{_escaped(purge.value)}(\?|$)"))

    def _xkey_calls(self, purges: Sequence[Purge]) -> Iterator[Call]:
        for is_soft, field in _XKEYS.items():
            tags = [one.value for one in purges if one.is_soft is is_soft]
            for some in batches(tags, _TAGS_AT_ONCE):
                yield self._call("PURGE", "/", (field, " ".join(some)), len(some))

    def _call(self, method: str, target: str, said: tuple[str, str], purges: int = 1) -> Call:
        fields: Fields = (said,) if self.host is None else (("Host", self.host), said)
        return Call(method, self.base + target, fields, purges=purges)


def _prefix_pattern(prefix: str) -> str:
    if prefix.endswith("*"):
        return f"^{_escaped(prefix[:-1])}"
    return "^/" if prefix == "/" else rf"^{_escaped(prefix)}(/|\?|$)"


def _escaped(text: str) -> str:
    r"""`text` as a regular expression (PCRE) without spaces: they part the words of a ban."""
    return re.escape(text).replace("\\ ", "\\x20")
