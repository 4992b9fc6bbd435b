"""A grant that need not be worked out anew: what else it opens, and until when.

Most tokens restrict paths and times alone. Of such a one everything has been judged but the path of the next request
and the passing of time, and neither can make good again what was refused, nor bad what is said to stand here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects.dialect import Dialect, OneText
from auth.enforce import Policy
from auth.keys import Key
from auth.scope import PathScope


@dataclass(frozen=True, slots=True)
class Standing:
    """For how long (Unix seconds, the end excluded) a GET or HEAD with the same token in the same place is granted."""

    since: float
    until: float
    scope: PathScope | None  # None: every path of the realm

    def opens(self, path: str, now: float) -> bool:
        """Whether it holds at `now` for `path`, which is normalised (`auth.scope.normalise`)."""
        return self.since <= now < self.until and (self.scope is None or self.scope.covers(path))


def standing_of(claims: Claims, transport: Transport | None, key: Key, policy: Policy, now: float) -> Standing | None:
    """What claims that were granted at `now` go on to grant; None where each request has to be judged by itself."""
    if transport is not Transport.QUERY or not _is_plain(claims):
        return None
    leeway = 0 if claims.strict_time else policy.leeway
    ends = (
        _after(claims.expires, leeway),
        _after(claims.session_ends, 0),
        _after(key.not_after, leeway),
    )
    return Standing(now, min(ends), claims.scope)


def says_everything(dialect: Dialect) -> bool:
    """Whether nothing but a token's text, found by its name, decides what the dialect makes of it."""
    return isinstance(dialect, OneText)


def _is_plain(claims: Claims) -> bool:
    """Whether nothing but paths and times is restricted, and nothing has to follow from a request."""
    is_bound = claims.networks is not None or claims.asns is not None or bool(claims.conditions)
    is_for_urls = claims.urls is not None
    is_for_methods = claims.methods is not None and "GET" not in claims.methods
    return not (is_bound or is_for_urls or is_for_methods or claims.one_time or claims.renewal is not None)


def _after(instant: float | None, leeway: float) -> float:
    return math.inf if instant is None else instant + leeway
