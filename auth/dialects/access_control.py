"""Access tokens of Apache Traffic Server's access_control plugin, which ride in a cookie as base64url.

Inside stand pairs `name=value` joined by "&": sub (required), exp (required; 0: no end), nbf, iat, tid, ver (1), scope
(a path, with what lies below it), kid (required), st (HMAC-SHA-256 where it is absent, or HMAC-SHA-512) and, last, md,
the MAC over all before its value. A token is still good at exp, and not yet at nbf.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from urllib.parse import quote

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport
from auth.claims import Claims, read_text
from auth.dialects.dialect import OneName
from auth.encoding import base64url_decode, base64url_encode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import KEY_ID, Key, KeyRing
from auth.primitives import Hash, mac, same
from auth.rules.url import Url
from auth.scope import PathScope, Rule, UnsafePath
from auth.secret import Secret, Token

NAME = "access-control"
CARRIAGE = Carriage("TokenCookie", frozenset({Transport.COOKIE}))
MAX_CHARS = 4096
VERSION = "1"

_HASHES = {"HMAC-SHA-256": Hash.SHA256, "HMAC-SHA-512": Hash.SHA512}
_DEFAULT = "HMAC-SHA-256"
_NAMES = frozenset({"sub", "exp", "nbf", "iat", "tid", "ver", "scope", "kid", "st", "md"})
_REQUIRED = ("sub", "exp", "kid", "md")
_TIME = re.compile(r"[0-9]{1,15}")
_SAFE = "/!$'()*+,;:@~"


class AccessControl(OneName):
    """The dialect `access-control`."""

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an access token; before its MAC holds, only what finds the key is looked at."""
        text, pairs = _parse(found.token)
        key = ring.find(pairs["kid"]) if KEY_ID.fullmatch(pairs["kid"]) else None
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY, "no key of that id")
        using = _HASHES.get(pairs.get("st", _DEFAULT))
        if using is None:
            raise Denied(Reason.UNSUPPORTED, "st is HMAC-SHA-256 or HMAC-SHA-512")
        if not same(mac(_secret(key), _signed(text), using).hex(), pairs["md"]):
            raise Denied(Reason.BAD_SIGNATURE)
        return replace(_claims(pairs), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """An access token with HMAC-SHA-256. Misuse without a subject, and for what the format cannot say."""
        pairs = _pairs(claims) | {"kid": key.id, "st": _DEFAULT, "md": ""}
        text = "&".join(f"{name}={value}" for name, value in pairs.items())
        try:
            text += mac(_secret(key), text.encode("ascii"), _HASHES[_DEFAULT]).hex()
            token = Token(base64url_encode(text.encode("ascii")))
            said = _claims(_parse(token)[1])
        except Denied as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        wanted = replace(claims, key_id=None, dialect="")
        names = [each.name for each in fields(Claims) if getattr(said, each.name) != getattr(wanted, each.name)]
        if names:
            raise Misuse(f"an access token cannot say these as given: {', '.join(names)}")
        return token

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Every pair but the MAC."""
        return tuple((name, value) for name, value in _parse(found.token)[1].items() if name != "md")


def _parse(token: Token) -> tuple[str, dict[str, str]]:
    """The decoded text and its pairs, values as they stand."""
    if len(token.reveal()) > MAX_CHARS:
        raise Denied(Reason.TOO_LARGE, f"an access token has at most {MAX_CHARS} characters")
    try:
        text = base64url_decode(token.reveal()).decode("ascii")
    except ValueError:
        raise Denied(Reason.MALFORMED, "an access token is base64url without padding") from None
    pieces = [piece.partition("=") for piece in text.split("&")]
    pairs = {name: value for name, _, value in pieces}
    if not text.isprintable() or len(pairs) != len(pieces) or not _NAMES.issuperset(pairs):
        raise Denied(Reason.MALFORMED, "an access token is known names, each once, with their values")
    if any(not pairs.get(name) for name in _REQUIRED) or pieces[-1][0] != "md":
        raise Denied(Reason.MALFORMED, "an access token has sub, exp, kid and, last, md")
    return text, pairs


def _signed(text: str) -> bytes:
    return (text.rpartition("&md=")[0] + "&md=").encode("ascii")


def _claims(pairs: dict[str, str]) -> Claims:
    if pairs.get("ver", VERSION) != VERSION:
        raise Denied(Reason.UNSUPPORTED, f"ver is {VERSION}")
    times = {name: _time(name, pairs[name]) for name in ("exp", "nbf", "iat") if name in pairs}
    if any(times.get(name) == 0 for name in ("nbf", "iat")):
        raise Denied(Reason.MALFORMED, "nbf and iat are not 0")
    return Claims(
        subject=_text("sub", pairs["sub"]),
        token_id=_text("tid", pairs["tid"]) if "tid" in pairs else None,
        expires=times["exp"] + 1 if times["exp"] else None,
        not_before=times["nbf"] + 1 if "nbf" in times else None,
        issued_at=times.get("iat"),
        scope=_scope(pairs["scope"]) if pairs.get("scope") else None,
    )


def _time(name: str, value: str) -> int:
    if not _TIME.fullmatch(value):
        raise Denied(Reason.MALFORMED, f"{name} is whole seconds")
    return int(value)


def _text(name: str, value: str) -> str:
    try:
        return read_text(name, percent_decode(value))
    except ValueError:
        raise Denied(Reason.MALFORMED, f"{name}: its percent-encoding is broken") from None


def _scope(path: str) -> PathScope:
    try:
        return PathScope.prefix("/" + path.strip("/"))
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, f"scope: {error}") from None


def _pairs(claims: Claims) -> dict[str, str]:
    """What is said of these claims; a fraction of a second is lost, which whoever compares will see."""
    if claims.subject is None:
        raise Misuse("an access token has a subject")
    pairs = {
        "sub": quote(claims.subject, safe=_SAFE),
        "exp": "0" if claims.expires is None else _whole(claims.expires - 1),
    }
    if claims.not_before is not None:
        pairs["nbf"] = _whole(claims.not_before - 1)
    if claims.issued_at is not None:
        pairs["iat"] = _whole(claims.issued_at)
    if claims.token_id is not None:
        pairs["tid"] = quote(claims.token_id, safe=_SAFE)
    if claims.scope is not None:
        patterns = claims.scope.patterns(Rule.PREFIX)
        if len(patterns) != 1:
            raise Misuse("an access token is for one path and what lies below it")
        pairs["scope"] = patterns[0].replace("&", "%26").replace("=", "%3D")
    return pairs


def _whole(value: float) -> str:
    if not 1 <= value < 10**15:
        raise Misuse("a time is whole seconds from 1 on")
    return str(int(value))


def _secret(key: Key) -> Secret:
    if key.algorithm is not Algorithm.SHARED or not isinstance(key.material, Secret):
        raise Denied(Reason.WRONG_ALGORITHM, "the key of that id is no shared secret")
    return key.material
