"""The session that a viewer goes on with: begun at a manifest, handed on the mount's way, renewed in time.

A token that a player keeps (in a multivariant playlist, or in a manifest that does not change any more) lives as long
as its session. A live manifest is asked for again and again under the URL that the player has: so that URL gets such a
token too, by a redirect, while what the manifest names gets a fresh one that ends soon. A cookie ends soon as well, and
is renewed by whatever is asked for with it, unless an edge in front answers for us.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from auth import Claims, Grant, Misuse, SessionPolicy, Token, Transport, session_claims, short_lived, successor
from origin.edge.admission import Admission
from origin.edge.cookies import token_cookie
from origin.edge.lifetimes import Audience
from origin.edge.mount import Mount, Propagation, Protection
from origin.edge.propagation import Carry, carry_for
from origin.http.caching import NO_STORE, cache_control
from origin.http.reply import Empty, Header, Reply
from origin.media.target import Target

SESSION = "session"
_BY_URL = frozenset({Transport.QUERY, Transport.PATH})
_WRITTEN = frozenset({Carry.QUERY, Carry.PATH_ROOTED})


class SessionUnsigned(Exception):  # noqa: N818  # reads as the fact it is
    """No key of the ring signs sessions, or one cannot say what its token said. The words are for the operator."""


@dataclass(frozen=True, slots=True)
class Onward:
    """What the answer to a manifest hands on."""

    carry: Carry
    token: Token | None = None  # what `carry` writes
    name: str = ""  # what the token goes by; empty: the mount's own name for it
    cookies: tuple[Header, ...] = ()
    redirect: Reply | None = None  # instead of the manifest
    session_id: str = ""


def hand_on(mount: Mount, target: Target, admission: Admission, now: float, *, is_kept: bool) -> Onward:
    """How a viewer goes on from a manifest. `is_kept`: a player loads it once, or keeps what it names.

    Raises `SessionUnsigned` when the ring has no key that signs sessions.
    """
    protection, grant = mount.protection, admission.grant
    if protection is None:
        return Onward(Carry.NOTHING)
    if grant is None or grant.token is None:
        return Onward(carry_for(protection.propagation, None))
    viewer = _Viewer(mount, target, admission, protection, grant, now)
    if grant.claims.dialect == SESSION:
        return viewer.continues(grant.claims, is_kept=is_kept)
    exchange = protection.exchange
    if exchange is None or grant.claims.dialect not in exchange.dialects:
        return viewer.keeps(grant.token)
    return viewer.begins(exchange.new_id, exchange.policy, is_kept=is_kept)


def renewed_cookie(mount: Mount, target: Target, admission: Admission, now: float) -> tuple[Header, ...]:
    """The successor of a session's cookie, on the answer to one viewer for any object, when it is due."""
    protection, grant = mount.protection, admission.grant
    if protection is None or grant is None or grant.transport is not Transport.COOKIE:
        return ()
    if admission.audience is not Audience.VIEWER or protection.propagation is not Propagation.COOKIE:
        return ()
    return _Viewer(mount, target, admission, protection, grant, now).renewed()


@dataclass(frozen=True, slots=True)
class _Viewer:
    mount: Mount
    target: Target
    admission: Admission
    protection: Protection
    grant: Grant
    now: float

    def keeps(self, token: Token) -> Onward:
        """The original token goes on."""
        mode, transport = self.protection.propagation, self.grant.transport
        carriage, session_id = self.grant.carriage, self.grant.claims.session_id or ""
        name = self.protection.token_name if carriage is None else carriage.name
        is_set = mode is Propagation.COOKIE and transport is not Transport.COOKIE
        cookies = self._cookie(token, self.grant.claims, name) if is_set else ()
        return Onward(carry_for(mode, transport), token, name, cookies, session_id=session_id)

    def begins(self, new_id: Callable[[], str], policy: SessionPolicy, *, is_kept: bool) -> Onward:
        """A session takes the place of another dialect's token."""
        claims, mode, transport = self.grant.claims, self.protection.propagation, self.grant.transport
        session = session_claims(
            claims,
            path=self.admission.path,
            asset_prefix=self._folder() if self.target.asset else None,
            now=self.now,
            session_id=claims.session_id or new_id(),
            policy=policy,
        )
        session_id = session.session_id or ""
        if mode is Propagation.COOKIE:
            return Onward(Carry.NOTHING, cookies=self._session_cookie(session, policy), session_id=session_id)
        if transport in _BY_URL and (mode is Propagation.DEFINE or not is_kept):
            return Onward(Carry.NOTHING, redirect=self._elsewhere(session), session_id=session_id)
        is_path = mode is Propagation.PATH or transport is Transport.PATH
        token = self._mint(session if is_kept else short_lived(session, self.now, policy))
        return Onward(Carry.PATH_ROOTED if is_path else Carry.QUERY, token, session_id=session_id)

    def continues(self, session: Claims, *, is_kept: bool) -> Onward:
        """A session goes on, in the same token for as long as that is good enough."""
        mode, transport, exchange = self.protection.propagation, self.grant.transport, self.protection.exchange
        carry, token = carry_for(mode, transport), self.grant.token
        session_id = session.session_id or ""
        if exchange is None:
            return Onward(carry, token, session_id=session_id)
        if mode is Propagation.COOKIE:
            by_cookie = transport is Transport.COOKIE
            cookies = self.renewed() if by_cookie else self._session_cookie(session, exchange.policy)
            return Onward(carry, cookies=cookies, session_id=session_id)
        if carry in _WRITTEN:
            wanted = successor(session, self.now, exchange.policy) if is_kept else self._short(session)
            token = token if wanted is None else self._mint(wanted)
        return Onward(carry, token, session_id=session_id)

    def renewed(self) -> tuple[Header, ...]:
        """The session's cookie anew, when it is due."""
        exchange = self.protection.exchange
        if exchange is None or self.grant.claims.dialect != SESSION:
            return ()
        wanted = successor(self.grant.claims, self.now, exchange.policy)
        return () if wanted is None else self._cookie(self._mint(wanted), wanted, self.protection.token_name)

    def _short(self, session: Claims) -> Claims | None:
        exchange = self.protection.exchange
        return None if exchange is None else short_lived(session, self.now, exchange.policy)

    def _session_cookie(self, session: Claims, policy: SessionPolicy) -> tuple[Header, ...]:
        """Segments that an edge answers renew no cookie: behind one it lasts as long as the session."""
        is_edge = self.admission.audience is Audience.EDGE
        wanted = session if is_edge else short_lived(session, self.now, policy)
        return self._cookie(self._mint(wanted), wanted, self.protection.token_name)

    def _cookie(self, token: Token, claims: Claims, name: str) -> tuple[Header, ...]:
        return (token_cookie(name, token, f"{self._folder()}/", claims.expires, self.now),)

    def _folder(self) -> str:
        """Where the asset is.

        A file at the mount's top belongs to none, and what it names lies beside it: for it, this is the whole mount.
        What a cookie opens there is still up to the token's own scope.
        """
        return quote(f"{self.mount.name.prefix.rstrip('/')}/{self.target.asset}").rstrip("/")

    def _mint(self, session: Claims) -> Token:
        try:
            return self.protection.gate.mint(session, self.protection.rings(), self.now)
        except Misuse as error:
            raise SessionUnsigned(str(error)) from None

    def _elsewhere(self, session: Claims) -> Reply:
        """To the same URL with the session's token, so that the manifest stays one for all viewers."""
        path, query = self.admission.path, self.admission.query
        by = Transport.PATH if self.protection.propagation is Propagation.PATH else Transport.QUERY
        bare = f"{path}?{query}" if query else path
        try:
            url = self.protection.gate.sign(bare, session, self.protection.rings(), self.now, by)
        except Misuse as error:
            raise SessionUnsigned(str(error)) from None
        return Reply(302, (("Location", url), cache_control(NO_STORE)), Empty())
