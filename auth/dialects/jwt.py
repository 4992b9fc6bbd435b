"""JSON Web Tokens (RFC 7519) with claims for a gateway.

Registered claims have their registered meaning. A token says what it opens by any of

    path      paths, exactly as named
    prefix    paths, with everything below them
    glob      patterns: "*" within a segment, "**" across segments, "?" for one character

(a string or a list each; it opens what any of them covers) and may narrow that with

    methods   a list of request methods
    networks  a list of client addresses or CIDR blocks
    sid       the viewer's session (OpenID Connect's word)
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

from auth import jose, strict_json
from auth.carriage import Found
from auth.claims import (
    MAX_EXTRA,
    Claims,
    read_list,
    read_method,
    read_network,
    read_one_or_more,
    read_text,
    read_time,
)
from auth.dialects.dialect import OneText
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.rules.url import Url
from auth.scope import PathRule, PathScope, Rule, UnsafePath
from auth.secret import Token
from auth.strict_json import JsonObject, JsonValue

NAME = "jwt"

_TYPES = frozenset({None, "jwt"})
_TEXTS = {"issuer": "iss", "subject": "sub", "token_id": "jti", "session_id": "sid"}
_TIMES = {"not_before": "nbf", "expires": "exp", "issued_at": "iat"}
_KNOWN = {*_TEXTS.values(), *_TIMES.values(), *Rule, "aud", "methods", "networks"}
# Restrictions of other profiles: proof of possession (RFC 7800) and CDNI (RFC 9246). Without them the token
# would open more than its issuer meant.
_RESTRICTING = frozenset({"cnf", "ip"})
_RESTRICTING_PREFIX = "cdni"
_SHOWN_CHARS = 60


class Jwt(OneText):
    """The dialect `jwt`."""

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a signed JWT. Nothing of the payload is read before its signature holds."""
        jws = jose.parse(found.token)
        if jws.type not in _TYPES:
            raise Denied(Reason.UNSUPPORTED, "typ is JWT or absent")
        key = jose.verify(jws, ring)
        return _claims(_payload(jws), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A signed JWT. Misuse for claims that would not be read back as they are."""
        try:
            payload = strict_json.dumps(_members(claims))
            said = _claims(strict_json.loads_object(payload))
        except (ValueError, Denied) as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        wanted = replace(claims, key_id=None, dialect="")
        names = [each.name for each in fields(Claims) if getattr(said, each.name) != getattr(wanted, each.name)]
        if names:
            raise Misuse(f"a JWT cannot say these as given: {', '.join(names)}")
        _check_sense(claims)
        return jose.sign(payload, key, typ="JWT")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Header and claims, each value shortened."""
        jws = jose.parse(found.token)
        header = (("alg", jws.algorithm), ("kid", "absent" if jws.key_id is None else _shown(jws.key_id)))
        return (*header, *((_shown(name), _shown(value)) for name, value in _payload(jws).items()))


def _payload(jws: jose.Jws) -> JsonObject:
    try:
        return strict_json.loads_object(jws.payload)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"claims: {error}") from None


def _claims(payload: JsonObject, key_id: str | None = None, dialect: str = "") -> Claims:
    unknown = [(name, value) for name, value in payload.items() if name not in _KNOWN]
    if any(name in _RESTRICTING or name.startswith(_RESTRICTING_PREFIX) for name, _ in unknown):
        raise Denied(Reason.UNSUPPORTED, "a claim restricts the token in a way that is not enforced here")
    texts = {ours: read_text(name, payload[name]) for ours, name in _TEXTS.items() if name in payload}
    times = {ours: read_time(name, payload[name]) for ours, name in _TIMES.items() if name in payload}
    return Claims(
        issuer=texts.get("issuer"),
        subject=texts.get("subject"),
        token_id=texts.get("token_id"),
        session_id=texts.get("session_id"),
        not_before=times.get("not_before"),
        expires=times.get("expires"),
        issued_at=times.get("issued_at"),
        audience=read_one_or_more("aud", payload["aud"]) if "aud" in payload else (),
        scope=_scope(payload),
        methods=(frozenset(read_list("methods", payload["methods"], read_method)) if "methods" in payload else None),
        networks=read_list("networks", payload["networks"], read_network) if "networks" in payload else None,
        key_id=key_id,
        dialect=dialect,
        extra=tuple((_shown(name), _shown(value)) for name, value in unknown[:MAX_EXTRA]),
    )


def _scope(payload: JsonObject) -> PathScope | None:
    patterns = tuple(
        (rule, pattern) for rule in Rule if rule in payload for pattern in read_one_or_more(rule, payload[rule])
    )
    if not patterns:
        return None
    try:
        return _path_scope(patterns)
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, f"path, prefix or glob: {error}") from None


@lru_cache(maxsize=1024)
def _path_scope(patterns: tuple[tuple[Rule, str], ...]) -> PathScope:
    """The scope of a token; all viewers of an asset have the same."""
    return PathScope(tuple(PathRule(rule, pattern) for rule, pattern in patterns))


def _members(claims: Claims) -> JsonObject:
    """The payload that says these claims, times as whole numbers where they are whole."""
    members: JsonObject = {}
    for ours, name in (_TEXTS | _TIMES).items():
        value: str | float | None = getattr(claims, ours)
        if value is not None:
            members[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    if claims.audience:
        members["aud"] = _one_or_list(claims.audience)
    for rule in Rule:
        if claims.scope is not None and (patterns := claims.scope.patterns(rule)):
            members[rule.value] = _one_or_list(patterns)
    if claims.methods is not None:
        members["methods"] = list[JsonValue](sorted(claims.methods))
    if claims.networks is not None:
        members["networks"] = [str(network) for network in claims.networks]
    return members


def _one_or_list(values: tuple[str, ...]) -> JsonValue:
    return values[0] if len(values) == 1 else list(values)


def _check_sense(claims: Claims) -> None:
    if claims.expires is None:
        return
    for name, instant in (("not_before", claims.not_before), ("issued_at", claims.issued_at)):
        if instant is not None and claims.expires <= instant:
            raise Misuse(f"the token would expire before its {name}")


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else strict_json.dumps(value).decode("utf-8")
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= _SHOWN_CHARS else printable[:_SHOWN_CHARS] + "…"
