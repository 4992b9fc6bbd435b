"""Playback tokens of Mux: a JWT (RS256) in the query, for one playback id and one kind of media.

`sub` is the playback id, which is the first segment of the path below the mount, with or without an extension
(`/<id>.m3u8`, `/<id>/high.mp4`). `aud` is the kind of media: v for video, t for thumbnails, g for animations, s for
storyboards; which ones lie below a mount is an option. The key's id stands in the payload and not in the header.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from auth import carriage as rides
from auth import jose, strict_json
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport
from auth.claims import Claims, read_text
from auth.dialects.dialect import OneName
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.request import Request
from auth.rules.url import Url
from auth.saying import JWT_TIMES, check_sayable, jwt_times, read_jwt_times, shown
from auth.scope import PathRule, PathScope, Rule, UnsafePath
from auth.secret import Token
from auth.strict_json import JsonObject

NAME = "mux"
CARRIAGE = Carriage("token", frozenset({Transport.QUERY}))

_KNOWN = {*JWT_TIMES.values(), "sub", "kid", "aud"}
_NOT_IN_IDS = frozenset("/*?.%#\\")
_SAYABLE = {*JWT_TIMES, "subject", "scope"}


@dataclass(frozen=True, slots=True)
class MuxOptions(Options):
    """Options of `mux`."""

    kinds: tuple[str, ...] = option(("v",), "The kinds of media (`aud`) below the mount; the first one is minted.")

    def __post_init__(self) -> None:
        if not self.kinds or not all(kind.isalnum() or kind == "playback_id" for kind in self.kinds):
            raise Misuse("kinds: names at least one kind of media")


class Mux(OneName):
    """The dialect `mux`."""

    def __init__(self, options: MuxOptions) -> None:
        self._kinds = options.kinds

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        found = rides.locate(request, carriage, mount)
        return None if found is None else replace(found, bound=(mount.rstrip("/") + "/",))

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token for a kind of media that lies here."""
        jws, payload = _parse(found.token)
        key = jose.verify(jws, ring)
        if key.algorithm is not Algorithm.RS256:
            raise Denied(Reason.WRONG_ALGORITHM, "these tokens are signed with RS256")
        if len(found.bound) != 1:
            raise Denied(Reason.MALFORMED, "the mount is missing")
        return self._claims(payload, found.bound[0], key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for the playback id that is the claims' subject. Misuse for claims that say more."""
        if key.algorithm is not Algorithm.RS256:
            raise Misuse(f"key {key.id} cannot sign here: RS256 is needed")
        check_sayable(claims, _SAYABLE, "a token of this format")
        members: JsonObject = {"kid": key.id, "sub": claims.subject, "aud": self._kinds[0]}
        members |= jwt_times(claims)
        base = "/"
        if claims.scope is not None and claims.subject is not None:
            base = claims.scope.rules[0].pattern.removesuffix(claims.subject)
        try:
            payload = strict_json.dumps(members)
            said = self._claims(members, base)
        except (ValueError, Denied) as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        if said != replace(claims, scope=claims.scope or said.scope, key_id=None, dialect=""):
            raise Misuse("a token of this format opens one playback id and says no more")
        return jose.sign(payload, key, typ="JWT")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Algorithm and claims."""
        jws, payload = _parse(found.token)
        return (("alg", jws.algorithm), *((shown(name), shown(value)) for name, value in payload.items()))

    def _claims(self, payload: JsonObject, base: str, key_id: str | None = None, dialect: str = "") -> Claims:
        if payload.keys() - _KNOWN:
            raise Denied(Reason.UNSUPPORTED, "a claim may restrict the token in a way that is not enforced here")
        if read_text("aud", payload.get("aud")) not in self._kinds:
            raise Denied(Reason.WRONG_AUDIENCE, "the token is for another kind of media")
        times = read_jwt_times(payload)
        playback = read_text("sub", payload.get("sub"))
        if _NOT_IN_IDS.intersection(playback):
            raise Denied(Reason.MALFORMED, "sub is a playback id")
        try:
            scope = _media_at(f"{base}{playback}")
        except UnsafePath as error:
            raise Denied(Reason.MALFORMED, f"sub: {error}") from None
        return Claims(
            subject=playback,
            not_before=times.get("not_before"),
            expires=times.get("expires"),
            issued_at=times.get("issued_at"),
            scope=scope,
            key_id=key_id,
            dialect=dialect,
        )


@lru_cache(maxsize=1024)
def _media_at(path: str) -> PathScope:
    """The scope of a token; all viewers of one playback id have the same."""
    return PathScope((PathRule(Rule.PREFIX, path), PathRule(Rule.GLOB, f"{path}.*")))


def _parse(token: Token) -> tuple[jose.Jws, JsonObject]:
    jws = jose.parse(token)
    if jws.type not in {None, "jwt"}:
        raise Denied(Reason.UNSUPPORTED, "typ is JWT or absent")
    try:
        payload = strict_json.loads_object(jws.payload)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"claims: {error}") from None
    named = payload.get("kid", jws.key_id)
    if not isinstance(named, str) or jws.key_id not in {None, named}:
        raise Denied(Reason.MALFORMED, "header and payload name one key")
    return replace(jws, key_id=named), payload
