"""`POST /playback/…`: a player shows its app's own session token and gets a URL that plays."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from auth import (
    Claims,
    Customs,
    Denied,
    Gate,
    Grant,
    Misuse,
    PathScope,
    Rings,
    Signed,
    Token,
    Transport,
    Wish,
    fulfil,
    session_claims,
)
from auth.rules.url import Url
from origin.edge.cookies import token_cookie
from origin.edge.mount import Mount, Propagation, Protection
from origin.edge.rate_limit import RateLimit
from origin.http.caching import NO_STORE, cache_control
from origin.http.cors import CorsPolicy, cors_headers, preflight
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes, Header, Reply
from origin.media.target import MountName, Refusal, Refused, find_mount, parse_target
from origin.serving.faults import reply_to
from origin.serving.inbound import Inbound

PREFIX = "/playback"
METHODS = ("POST", "OPTIONS")

_TOO_MANY, _UNABLE = "too_many_requests", "signing_unavailable"
_TRANSPORTS = {Propagation.PATH: Transport.PATH, Propagation.COOKIE: Transport.COOKIE}


@dataclass(frozen=True, slots=True)
class Playback:
    """Hands out signed URLs. `gate` knows the app's tokens, which ride in `Authorization: Bearer` alone."""

    gate: Gate
    rings: Callable[[], Rings]
    mounts: Mapping[str, Mount]
    names: tuple[MountName, ...]
    customs: Mapping[str, tuple[str | None, tuple[str, ...]]]  # issuer and audience by mount
    ttl: int  # seconds
    limit: RateLimit

    def answer(self, inbound: Inbound, now: float) -> tuple[Reply, str]:
        """The reply to a request below `PREFIX`, and the reason of a refusal. Raises `Refused` for no signed mount."""
        path = inbound.facts.path.removeprefix(PREFIX)
        name = find_mount(path, self.names)
        mount = None if name is None else self.mounts[name.prefix]
        if mount is None or mount.protection is None:
            raise Refused(Refusal.NOT_FOUND, "no signed mount has this prefix")
        cors = CorsPolicy(mount.cors.origins, mount.cors.credentials, mount.cors.max_age, METHODS)
        origin = inbound.field("Origin")
        if inbound.method == "OPTIONS":
            return preflight(cors, origin), ""
        try:
            reply, reason = self._hand_out(mount, path, inbound, now)
        except Denied as denied:
            known = reply_to(denied, frozenset(METHODS))
            reply, reason = known or (problem_reply(Problem(403, denied.reason.value)), denied.reason.value)
        return reply.with_headers(*cors_headers(cors, origin)), reason

    def _hand_out(self, mount: Mount, path: str, inbound: Inbound, now: float) -> tuple[Reply, str]:
        facts = inbound.facts
        grant = self.gate.admit(facts.at(path, ""), self.rings(), now)
        target = parse_target(path, self.names)  # refuses what could be read in two ways
        wait = self.limit.wait(grant.claims.subject or grant.claims.session_id or str(facts.client), now)
        if wait:
            retry = ("Retry-After", str(math.ceil(wait)))
            return problem_reply(Problem(429, _TOO_MANY, detail="Wait before asking again."), retry), _TOO_MANY
        url = Url(facts.scheme, facts.authority, None, path).text if facts.authority else path
        folder = quote(f"{mount.name.prefix.rstrip('/')}/{target.asset}").rstrip("/")
        try:
            signed, expires = self._sign(mount, url, folder if target.asset else None, grant, now)
        except Misuse:
            return problem_reply(Problem(503, _UNABLE)), _UNABLE
        return _given(signed, expires, f"{folder}/", now), ""

    def _sign(self, mount: Mount, url: str, folder: str | None, grant: Grant, now: float) -> tuple[Signed, float]:
        """For as long as the app's session lasts, and for whom it is.

        Where the mount's own dialect cannot say for whom, the player gets at once what it would have gone on with, a
        session's token. A mount that begins no sessions gives it a URL that names nobody; the client networks that the
        app's token is bound to are never left out.
        """
        protection, app = mount.protection, grant.claims
        if protection is None:
            raise Misuse("the mount is open")
        expires = float(int(min(now + self.ttl, app.expires or math.inf)))
        claims = Claims(subject=app.subject, session_id=app.session_id, expires=expires, networks=app.networks)
        try:
            return self._fulfilled(mount, protection, url, claims, now), expires
        except Misuse:
            if protection.exchange is None:
                unnamed = replace(claims, subject=None, session_id=None)
                return self._fulfilled(mount, protection, url, unnamed, now), expires
        return self._session(mount, protection, url, folder, app, now)

    def _fulfilled(self, mount: Mount, protection: Protection, url: str, claims: Claims, now: float) -> Signed:
        wish = Wish(url, claims, _TRANSPORTS.get(protection.propagation, Transport.QUERY))
        customs = Customs(secrets.token_urlsafe(9), *self.customs[mount.name.prefix])
        return fulfil(protection.gate, wish, customs, protection.rings(), now)

    def _session(
        self, mount: Mount, protection: Protection, url: str, folder: str | None, app: Claims, now: float
    ) -> tuple[Signed, float]:
        """A session's token, which a player keeps: it lives as long as its session, and no longer than the app's."""
        exchange = protection.exchange
        if exchange is None:
            raise Misuse("the mount begins no sessions")
        issuer, audience = self.customs[mount.name.prefix]
        path = protection.gate.bare_path(url)
        opened = Claims(
            issuer=issuer,
            audience=audience,
            subject=app.subject,
            token_id=secrets.token_urlsafe(9),
            scope=PathScope.exact(path),
            networks=app.networks,
            session_ends=app.expires,
        )
        session = session_claims(
            opened,
            path=path,
            asset_prefix=folder,
            now=now,
            session_id=app.session_id or exchange.new_id(),
            policy=exchange.policy,
        )
        transport = _TRANSPORTS.get(protection.propagation, Transport.QUERY)
        signed = protection.gate.issue(url, session, protection.rings(), now, transport)
        return signed, session.expires or now


def _given(signed: Signed, expires: float, folder: str, now: float) -> Reply:
    answer: dict[str, object] = {"url": signed.url, "expires_at": int(expires)}
    if signed.cookies:
        answer["cookies"] = dict(signed.cookies)
    cookies: tuple[Header, ...] = tuple(
        token_cookie(name, Token(value), folder, expires, now) for name, value in signed.cookies
    )
    headers = (("Content-Type", "application/json"), cache_control(NO_STORE), *cookies)
    return Reply(200, headers, Bytes(msgspec.json.encode(answer)))
