"""The gate of one realm: requests in, grants out; and the tokens that it would let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS, session
from auth.dialects.dialect import Dialect, Spec
from auth.enforce import Policy, enforce, judge_token
from auth.errors import Denied, Misuse, Reason
from auth.keys import KeyRing, Rings, ring_of
from auth.options import Options
from auth.realm import Accepted, Realm
from auth.remedy import remedied
from auth.request import Pairs, Request
from auth.rules.url import Url
from auth.secret import Token
from auth.standing import Standing, says_everything, standing_of
from auth.verified import VerifiedTokens


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission, and the path and query that remain when the token is taken off.

    `carriage` is how the token came, and `parts` what it is made of where that is several parameters or cookies.
    """

    claims: Claims
    token: Token | None  # None with `transport` for OPTIONS, which needs no token
    transport: Transport | None
    path: str
    query: str
    carriage: Carriage | None = None
    parts: Pairs = ()


@dataclass(frozen=True, slots=True)
class Door:
    """One way into a realm: an accepted dialect, made with its options."""

    accepted: Accepted
    dialect: Dialect


def doors_of(realm: Realm, dialects: Mapping[str, Spec] = DIALECTS) -> tuple[Door, ...]:
    """The ways into a realm, in its order. Misuse when it names an unknown dialect or options of another one."""
    return tuple(Door(accepted, _made(accepted, dialects)) for accepted in realm.accepts)


def _made(accepted: Accepted, dialects: Mapping[str, Spec]) -> Dialect:
    spec = dialects.get(accepted.dialect)
    if spec is None:
        raise Misuse(f"no such dialect: {accepted.dialect}")
    options = spec.options() if accepted.options is None else accepted.options
    if not isinstance(options, Options if spec.options is Options else spec.options):
        raise Misuse(f"these are not options of {accepted.dialect}")
    return spec.make(options)


def located(doors: tuple[Door, ...], request: Request, prefix: str) -> tuple[Door, Found]:
    """The first door whose dialect finds its token, cookies after everything else. Denied(ABSENT) when none does."""
    by_cookie: tuple[Door, Found] | None = None
    for door in doors:
        found = door.dialect.locate(request, door.accepted.carriage, prefix)
        if found is not None and found.transport is not Transport.COOKIE:
            return door, found
        if found is not None and by_cookie is None:
            by_cookie = (door, found)
    if by_cookie is None:
        raise Denied(Reason.ABSENT)
    return by_cookie


class Gate:
    """Admits requests to a realm and mints tokens for it; keeps nothing but tokens that it has verified."""

    __slots__ = ("_doors", "_verified", "realm")

    def __init__(self, realm: Realm, dialects: Mapping[str, Spec] = DIALECTS, *, remember: int = 16_384) -> None:
        """`remember` bounds the verified tokens kept per dialect. Misuse as for `doors_of`."""
        self.realm = realm
        self._doors = doors_of(realm, dialects)
        self._verified = {door.accepted.dialect: VerifiedTokens(remember) for door in self._doors}

    def __repr__(self) -> str:
        return f"Gate({self.realm.prefix})"

    def admit(self, request: Request, rings: Rings, now: float) -> Grant:
        """The grant for a request, or Denied. `now` in Unix seconds.

        Where the token is authentic, its key in force, and a remedy of its own is for the refusal, that is `Remedied`.
        OPTIONS needs no token: a browser sends none with a preflight (Fetch §4.8), and nothing is given away.
        """
        if request.method == "OPTIONS":
            return self._let_pass(request)
        seen = self.realm.as_seen(request)
        door, found = located(self._doors, seen, self.realm.prefix)
        accepted = door.accepted
        ring = ring_of(rings, accepted.keys)
        try:
            claims = _verify(door.dialect, found, ring, self._verified[accepted.dialect])
            self._judge(claims, found, seen, ring, now)
        except Denied as denied:
            denied.dialect = accepted.dialect
            raise
        return Grant(claims, found.token, found.transport, found.path, found.query, accepted.carriage, found.parts)

    def standing(self, grant: Grant, rings: Rings, now: float) -> Standing | None:
        """What a grant of `admit`, given at `now` with these rings, goes on to open; None where nothing can be said.

        It is about requests that carry the same token in the same place, no other parameter, and nothing in header
        fields that could be a token.
        """
        if grant.query or grant.parts or not all(says_everything(door.dialect) for door in self._doors):
            return None
        door = next((door for door in self._doors if door.accepted.dialect == grant.claims.dialect), None)
        key = None if door is None else ring_of(rings, door.accepted.keys).find(grant.claims.key_id or "")
        return None if key is None else standing_of(grant.claims, grant.transport, key, self.realm.policy, now)

    def mint(self, claims: Claims, rings: Rings, now: float, url: str | None = None) -> Token:
        """A token that this gate will admit, signed with the ring's current key.

        The dialect is `claims.dialect`, or the realm's first that is no internal one. `url` is what the token is for,
        in dialects that sign the URL itself. Misuse when the ring has no key to sign with, when the realm would refuse
        the token anyway, and when the dialect cannot say the claims.
        """
        return self._mint(self._minting(claims), claims, rings, now, url)

    def issue(
        self, url: str, claims: Claims, rings: Rings, now: float, transport: Transport = Transport.QUERY
    ) -> Signed:
        """What a client sends to get `url`, freshly minted. Misuse as for `mint`, and for a closed transport.

        Where claims name neither paths nor URLs, the format has to: it decides what of `url` its token covers.
        """
        door = self._minting(claims)
        carriage = door.accepted.carriage
        if transport not in carriage.transports:
            raise Misuse(f"this realm does not take tokens by {transport}")
        policy = self.realm.policy
        if claims.scope is None and claims.urls is None:
            policy = replace(policy, scope_required=False)  # judged by what the token says, below
        token = self._mint(door, claims, rings, now, url, policy)
        signed = door.dialect.issue(url, token, carriage, self.realm.prefix, transport)
        if claims.scope is None:
            self._check_issued(door, signed, claims, rings)
        return signed

    def sign(self, url: str, claims: Claims, rings: Rings, now: float, transport: Transport = Transport.QUERY) -> str:
        """`url` with a freshly minted token on it. Misuse as for `issue`, and for what is no part of a URL."""
        if transport in {Transport.COOKIE, Transport.HEADER}:
            raise Misuse(f"a URL carries no {transport}")
        return self.issue(url, claims, rings, now, transport).url

    def bare_path(self, url: str) -> str:
        """The path of a URL (absolute, or a path) without any token that this gate would find in it."""
        location = url.partition("#")[0].partition("?")[0]
        path = location if location.startswith("/") and not location.startswith("//") else Url.parse(location).path
        for door in self._doors:
            path, _ = door.dialect.strip(path, "", door.accepted.carriage, self.realm.prefix)
        return path

    def bare_url(self, url: str) -> Url | None:
        """A URL as a viewer would ask for it, without any token; None for a path when nothing says whose it is."""
        absolute = self.realm.absolute(url)
        for door in self._doors:
            absolute = None if absolute is None else self._bare(door, absolute.text)
        return absolute

    def _check_issued(self, door: Door, signed: Signed, claims: Claims, rings: Rings) -> None:
        """Misuse when what was issued does not verify, or names neither paths nor URLs where the realm asks for it."""
        asked = self.realm.absolute(signed.url) or Url.parse(f"https://headgate.invalid{signed.url}")
        viewer = claims.networks[0].network_address if claims.networks else None
        headers = tuple((name.lower(), value) for name, value in signed.headers)
        request = Request(
            "GET", asked.scheme, asked.authority, asked.path, asked.query, headers, signed.cookies, viewer
        )
        try:
            found = door.dialect.locate(request, door.accepted.carriage, self.realm.prefix)
            said = Claims() if found is None else door.dialect.verify(found, ring_of(rings, door.accepted.keys))
        except Denied as denied:
            raise Misuse(f"{self.realm.prefix} would refuse the token: {denied}") from None
        if self.realm.policy.scope_required and said.scope is None and said.urls is None:
            raise Misuse(f"{self.realm.prefix} would refuse the token: {Denied(Reason.SCOPE_MISSING)}")

    def _mint(
        self, door: Door, claims: Claims, rings: Rings, now: float, url: str | None, policy: Policy | None = None
    ) -> Token:
        accepted, policy = door.accepted, policy or self.realm.policy
        objection = judge_token(claims, policy, max(now, claims.not_before or 0, claims.issued_at or 0))
        if objection is not None:
            raise Misuse(f"{self.realm.prefix} would refuse the token: {objection}")
        ring = ring_of(rings, accepted.keys)
        key = ring.signer(now, session.FAMILIES) if accepted.is_internal else ring.signer(now)
        if key is None:
            raise Misuse("the ring has no key in force to sign with")
        target = None if url is None else self._bare(door, url)
        return door.dialect.mint(replace(claims, dialect=accepted.dialect), key, target)

    def _bare(self, door: Door, url: str) -> Url | None:
        """The URL that a token is for: absolute, and without a token. None for a path where none of it is known."""
        absolute = self.realm.absolute(url)
        if absolute is None:
            return None
        path, query = door.dialect.strip(absolute.path, absolute.query, door.accepted.carriage, self.realm.prefix)
        return replace(absolute, path=path, query=query)

    def _judge(self, claims: Claims, found: Found, request: Request, ring: KeyRing, now: float) -> None:
        key = None if claims.key_id is None else ring.find(claims.key_id)
        leeway = 0 if claims.strict_time else self.realm.policy.leeway
        if key is None or not key.is_in_force(now, leeway):
            raise Denied(Reason.KEY_NOT_IN_FORCE)
        asked = request.at(found.path, found.query)
        objection = enforce(claims, asked, self.realm.policy, now)
        if objection is not None:
            raise remedied(objection, claims.remedies)

    def _let_pass(self, request: Request) -> Grant:
        path, query = request.path, request.query
        for door in self._doors:
            path, query = door.dialect.strip(path, query, door.accepted.carriage, self.realm.prefix)
        return Grant(Claims(), None, None, path, query)

    def _minting(self, claims: Claims) -> Door:
        for door in self._doors:
            if claims.dialect == door.accepted.dialect or (not claims.dialect and not door.accepted.is_internal):
                return door
        raise Misuse(f"{self.realm.prefix} does not accept {claims.dialect}")


def _verify(dialect: Dialect, found: Found, ring: KeyRing, verified: VerifiedTokens) -> Claims:
    identity = (found.token.reveal(), found.bound)
    claims = verified.get(identity, ring)
    if claims is None:
        claims = dialect.verify(found, ring)
        verified.put(identity, claims, ring)
    return claims
