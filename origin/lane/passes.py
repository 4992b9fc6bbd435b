"""Tokens that have been let in, and what they go on to open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from auth import Denied, Grant, Rings
from auth.standing import Standing
from origin.edge.admission import Admission, admit
from origin.edge.lifetimes import Audience
from origin.edge.manifests import as_written
from origin.edge.mount import Protection
from origin.edge.propagation import Carry
from origin.edge.sessions import SESSION, Onward, hand_on
from origin.lane.heads import Head
from origin.lane.routes import Route
from origin.lane.visitor import Visitor
from origin.ledger.ledger import Asked, Ledger
from origin.serving.inbound import Inbound
from origin.telemetry.redaction import Redactor

_MOST = 32_768  # tokens remembered
_LONGEST_SHOWN = 1024  # characters of a query in a log
_LOOK_AGAIN_SECONDS = 5.0  # at a token that was of no use here


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """Why requests may go on. Without `grant` the mount is open."""

    grant: Grant | None
    standing: Standing | None
    rings: Rings | None
    shown: bytes  # the query as it may be written down, with its mark
    onward: Onward | None  # what a manifest hands on, if that is always the same
    written: bytes = field(default=b"", repr=False)  # the token of that, as it stands in URIs

    def admission(self, route: Route, query: str) -> Admission:
        """As `edge.admission` gives it."""
        if self.grant is None:
            return Admission(None, Audience.EVERYBODY, route.path, query)
        return Admission(self.grant, self.audience, route.path, self.grant.query)

    @property
    def session_id(self) -> str:
        """That of the token."""
        return "" if self.grant is None else self.grant.claims.session_id or ""

    @property
    def audience(self) -> Audience:
        """Who receives the answers."""
        return Audience.EVERYBODY if self.grant is None else Audience.VIEWER


_Key: TypeAlias = tuple[str, bytes, tuple[tuple[str, str], ...]]


class Passes:
    """The passes of all mounts, by query and by what else a token could be in; what came first is forgotten first.

    Nothing is judged for a token that comes for the first time: it is for the long way to say whether it is a good one.
    """

    def __init__(self, ledger: Ledger, redactor: Redactor) -> None:
        """`ledger` is asked about each request, `redactor` once about each query."""
        self._ledger = ledger
        self._redactor = redactor
        self._known: dict[_Key, Pass | float] = {}  # or when to look again
        self._seen: dict[int, None] = {}

    def find(self, route: Route, query: bytes, head: Head, visitor: Visitor, now: float) -> Pass | None:
        """The pass for a request at `now`; None where it has to be judged by itself, or is refused."""
        mount = route.mount
        protection = mount.protection
        key = (mount.label, query, head.others if protection is not None else ())
        known = self._known.get(key, 0.0)
        if isinstance(known, float) or _is_over(known, protection, now):
            if isinstance(known, float) and (now < known or not self._has_come_before(key)):
                return None
            known = self._known[key] = (
                self._judged(route, query, visitor.inbound(head), now) or now + _LOOK_AGAIN_SECONDS
            )
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
        if isinstance(known, float):
            return None
        return known if protection is None or self._lets_in(known, route, now) else None

    def _has_come_before(self, key: _Key) -> bool:
        name = hash(key)
        if name in self._seen:
            return True
        self._seen[name] = None
        if len(self._seen) > 2 * _MOST:
            del self._seen[next(iter(self._seen))]
        return False

    def _lets_in(self, known: Pass, route: Route, now: float) -> bool:
        standing, grant, protection = known.standing, known.grant, route.mount.protection
        if standing is None or grant is None or protection is None or not standing.opens(route.normal, now):
            return False
        if not self._ledger.has_revocations:
            return True
        asked = Asked(route.mount.label, route.target.asset, grant.claims, grant.token, protection.limits)
        return self._ledger.lets_pass(asked)

    def _judged(self, route: Route, query: bytes, inbound: Inbound | None, now: float) -> Pass | None:
        text = query.decode("ascii")
        shown = self._redactor.target(f"/?{text}")[1:] if text else ""
        if len(shown) > _LONGEST_SHOWN or not _is_plain_json(shown):
            return None
        mount = route.mount
        protection = mount.protection
        if protection is None:
            return Pass(None, None, None, shown.encode(), Onward(Carry.NOTHING))
        if inbound is None:
            return None
        facts = replace(inbound.facts, path=route.path, query=text)
        try:
            admission = admit(mount, replace(inbound, facts=facts), now)
        except Denied:
            return None
        grant, rings = admission.grant, protection.rings()
        standing = None if grant is None else protection.gate.standing(grant, rings, now)
        if standing is None or grant is None:
            return None
        onward = _onward(route, protection, grant, admission, now)
        written = b"" if onward is None or onward.token is None else as_written(onward.token)
        return Pass(grant, standing, rings, shown.encode(), onward, written)


def _is_over(known: Pass, protection: Protection | None, now: float) -> bool:
    """Whether a token is to be judged anew: other keys may be in force, and the clock may have been set back."""
    if protection is None:
        return False
    standing = known.standing
    return known.rings is not protection.rings() or standing is None or not standing.since <= now < standing.until


def _onward(route: Route, protection: Protection, grant: Grant, admission: Admission, now: float) -> Onward | None:
    """What manifests hand on, where that is the token itself and nothing has to be set for it."""
    exchange, dialect = protection.exchange, grant.claims.dialect
    if dialect == SESSION or (exchange is not None and dialect in exchange.dialects):
        return None
    onward = hand_on(route.mount, route.target, admission, now, is_kept=False)
    return None if onward.cookies or onward.redirect is not None else onward


def _is_plain_json(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
