"""The gate of one realm: requests in, grants out; and the tokens that it would let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auth.carriage import Found, Transport, attach, strip
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Dialect
from auth.enforce import enforce, judge_token
from auth.errors import Denied, Misuse, Reason
from auth.keys import KeyRing
from auth.realm import Accepted, Realm
from auth.request import Request
from auth.secret import Token
from auth.verified import VerifiedTokens


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission, and the path and query that remain when the token is taken off."""

    claims: Claims
    token: Token | None  # None with `transport` for OPTIONS, which needs no token
    transport: Transport | None
    path: str
    query: str


class Gate:
    """Admits requests to a realm and mints tokens for it; keeps nothing but tokens that it has verified."""

    __slots__ = ("_accepts", "_verified", "realm")

    def __init__(self, realm: Realm, dialects: Mapping[str, Dialect] = DIALECTS, *, remember: int = 16_384) -> None:
        """`remember` bounds the verified tokens kept. Misuse when the realm names an unknown dialect."""
        unknown = [accepted.dialect for accepted in realm.accepts if accepted.dialect not in dialects]
        if unknown:
            raise Misuse(f"no such dialect: {', '.join(unknown)}")
        self.realm = realm
        self._accepts = tuple((accepted, dialects[accepted.dialect]) for accepted in realm.accepts)
        self._verified = VerifiedTokens(remember)

    def __repr__(self) -> str:
        return f"Gate({self.realm.prefix})"

    def admit(self, request: Request, ring: KeyRing, now: float) -> Grant:
        """The grant for a request, or Denied. `now` in Unix seconds.

        OPTIONS needs no token: a browser sends none with a preflight (Fetch §4.8), and nothing is given away.
        """
        if request.method == "OPTIONS":
            return self._let_pass(request)
        for accepted, dialect in self._accepts:
            found = dialect.locate(request, accepted.carriage, self.realm.prefix)
            if found is not None:
                claims = self._verify(accepted.dialect, dialect, found, ring)
                self._judge(claims, found, request, ring, now)
                return Grant(claims, found.token, found.transport, found.path, found.query)
        raise Denied(Reason.ABSENT)

    def mint(self, claims: Claims, ring: KeyRing, now: float) -> Token:
        """A token that this gate will admit, signed with the ring's current key.

        The dialect is `claims.dialect`, or the realm's first. Misuse when the ring has no key to sign with,
        when the realm would refuse the token anyway, and when the dialect cannot say the claims.
        """
        accepted, dialect = self._minting(claims)
        objection = judge_token(claims, self.realm.policy, max(now, claims.not_before or 0, claims.issued_at or 0))
        if objection is not None:
            raise Misuse(f"{self.realm.prefix} would refuse the token: {objection}")
        key = ring.signer(now)
        if key is None:
            raise Misuse("the ring has no key in force to sign with")
        return dialect.mint(replace(claims, dialect=accepted.dialect), key)

    def sign(self, url: str, claims: Claims, ring: KeyRing, now: float, transport: Transport = Transport.QUERY) -> str:
        """`url` with a freshly minted token on it. Misuse as for `mint` and `attach`."""
        accepted, _ = self._minting(claims)
        token = self.mint(claims, ring, now)
        return attach(url, token, accepted.carriage, self.realm.prefix, transport)

    def _verify(self, name: str, dialect: Dialect, found: Found, ring: KeyRing) -> Claims:
        identity = (name, found.token.reveal(), found.bound)
        claims = self._verified.get(identity, ring)
        if claims is None:
            claims = dialect.verify(found, ring)
            self._verified.put(identity, claims, ring)
        return claims

    def _judge(self, claims: Claims, found: Found, request: Request, ring: KeyRing, now: float) -> None:
        key = None if claims.key_id is None else ring.find(claims.key_id)
        if key is None or not key.is_in_force(now, self.realm.policy.leeway):
            raise Denied(Reason.KEY_NOT_IN_FORCE)
        asked = request.at(found.path, found.query)
        objection = enforce(claims, asked, self.realm.policy, now)
        if objection is not None:
            raise objection

    def _let_pass(self, request: Request) -> Grant:
        path, query = request.path, request.query
        for accepted, _ in self._accepts:
            path, query = strip(path, query, accepted.carriage, self.realm.prefix)
        return Grant(Claims(), None, None, path, query)

    def _minting(self, claims: Claims) -> tuple[Accepted, Dialect]:
        for accepted, dialect in self._accepts:
            if claims.dialect in {"", accepted.dialect}:
                return accepted, dialect
        raise Misuse(f"{self.realm.prefix} does not accept {claims.dialect}")
