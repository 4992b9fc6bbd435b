"""Headgate's own token: what a viewer goes on with once another dialect's token has been exchanged for it.

One base64url text, short enough for every URI of a playlist. Its octets are

    3       "HGs1" in base64url: what kind of token it is, and the version of this layout
    1 + n   the key id's length, and the key id in ASCII
    12      issued, expires, absolute end of the session: Unix seconds, big-endian, 4 octets each
    n       lines of UTF-8 parted by line feeds: session id, issuing dialect, token id, subject, issuer (empty: not
            said), everything else as JSON (empty: nothing), and a line for each path rule, its kind in front
    16      the first octets of HMAC-SHA256 over all that stands before

The MAC's key is derived from a secret of the ring (HS256, HS384, HS512 or shared-secret) under a label of its own, so
that no MAC made for another format ever passes for a session token's, nor the reverse.
"""

from __future__ import annotations

import struct
from dataclasses import fields, replace
from typing import NoReturn

from auth import strict_json
from auth.algorithms import Family, family
from auth.carriage import Carriage, Found
from auth.claims import Claims, read_list, read_method, read_network, read_text
from auth.dialects.dialect import OneText
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules import CONDITIONS, URL_RULES
from auth.rules.condition import Condition
from auth.rules.url import Url, UrlRule
from auth.scope import PathRule, PathScope, Rule, UnsafePath
from auth.secret import Secret, Token
from auth.strict_json import JsonObject, JsonValue

NAME = "session"
MARK = "HGs1"
MAX_CHARS = 8192
# The name in `Claims.extra` of the dialect whose token began the session.
ISSUED_FOR = "issued_for"

# What signs session tokens: keyed hashes, because each viewer has a token and each request checks one.
FAMILIES = frozenset({Family.HMAC, Family.SHARED})

_MARK = base64url_decode(MARK)
_LABEL = b"headgate session token, version 1"
_TIMES = struct.Struct(">III")
_MAC_BYTES = 16
_LAST_TIME = 2**32 - 1
_KINDS = {"=": Rule.EXACT, "/": Rule.PREFIX, "*": Rule.GLOB}
_KIND_OF = {rule: kind for kind, rule in _KINDS.items()}
_MORE = frozenset({"aud", "url", "methods", "networks", "asns", "if"})
_TEXTS = 6  # lines before the path rules
_SHORTEST = len(_MARK) + 1 + 1 + _TIMES.size + (_TEXTS - 1) + _MAC_BYTES
_MAX_ASN = 2**32 - 1


class Session(OneText):
    """The dialect `session`."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. A text without the mark is another dialect's, which may go by the same name."""
        found = super().locate(request, carriage, mount)
        return found if found is not None and found.token.reveal().startswith(MARK) else None

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a session; nothing but the key id is read before the MAC holds."""
        data = _octets(found.token)
        key_id, begins = _key_id(data)
        key = ring.find(key_id)
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY)
        if not same(_mac(key, data[:-_MAC_BYTES]), data[-_MAC_BYTES:]):
            raise Denied(Reason.BAD_SIGNATURE)
        return _claims(data[begins:-_MAC_BYTES], key_id, NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A session token. Misuse for claims that would not be read back as they are."""
        if key.signing is None or family(key.algorithm) not in FAMILIES:
            raise Misuse("a session's key is a secret that may sign: HS256, HS384, HS512 or shared-secret")
        try:
            payload = _payload(claims)
            said = _claims(payload)
        except (ValueError, struct.error, Denied) as error:
            raise Misuse(f"the session cannot be minted: {error}") from None
        wanted = replace(claims, key_id=None, dialect="")
        names = [each.name for each in fields(Claims) if getattr(said, each.name) != getattr(wanted, each.name)]
        if names:
            raise Misuse(f"a session token cannot say these as given: {', '.join(names)}")
        signed = b"".join((_MARK, bytes((len(key.id),)), key.id.encode("ascii"), payload))
        text = base64url_encode(signed + _mac(key, signed))
        if len(text) > MAX_CHARS:
            raise Misuse(f"a session token has at most {MAX_CHARS} characters")
        return Token(text)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """What it says, the subject and the other rules left out."""
        data = _octets(found.token)
        key_id, begins = _key_id(data)
        claims = _claims(data[begins:-_MAC_BYTES])
        scope = () if claims.scope is None else tuple((each.rule.value, each.pattern) for each in claims.scope.rules)
        return (
            ("kid", key_id),
            ("session", claims.session_id or ""),
            ("issued", str(claims.issued_at)),
            ("expires", str(claims.expires)),
            ("session_ends", str(claims.session_ends)),
            *claims.extra,
            *scope,
        )


def _octets(token: Token) -> bytes:
    text = token.reveal()
    if len(text) > MAX_CHARS:
        raise Denied(Reason.TOO_LARGE)
    if not text.startswith(MARK):
        _malformed("it does not begin as a session token does")
    try:
        data = base64url_decode(text)
    except ValueError:
        _malformed("not base64url")
    if len(data) < _SHORTEST:
        _malformed("too short")
    return data


def _key_id(data: bytes) -> tuple[str, int]:
    """The key id, and where the payload begins."""
    begins = len(_MARK) + 1
    ends = begins + data[begins - 1]
    if ends + _TIMES.size + _MAC_BYTES > len(data):
        _malformed("too short")
    return data[begins:ends].decode("latin-1"), ends


def _mac(key: Key, message: bytes) -> bytes:
    if family(key.algorithm) not in FAMILIES or not isinstance(key.verifying, Secret):
        raise Denied(Reason.WRONG_ALGORITHM, "a session's key is a secret: HS256, HS384, HS512 or shared-secret")
    own = Secret(mac(key.verifying, _LABEL, Hash.SHA256))
    return mac(own, message, Hash.SHA256)[:_MAC_BYTES]


def _claims(payload: bytes, key_id: str | None = None, dialect: str = "") -> Claims:
    """An authentic payload as claims, or one that is being described or minted."""
    issued, expires, ends = _TIMES.unpack_from(payload)
    try:
        lines = payload[_TIMES.size :].decode("utf-8").split("\n")
        session_id, source, token_id, subject, issuer, more, *rules = lines
        scope = PathScope(tuple(PathRule(_KINDS[rule[:1]], rule[1:]) for rule in rules)) if rules else None
    except (ValueError, KeyError, UnsafePath):
        _malformed("its lines are not a session's")
    for text in (source, token_id, subject, issuer):
        if text:
            read_text("each line", text)
    plain = Claims(
        issuer=issuer or None,
        subject=subject or None,
        expires=expires,
        issued_at=issued,
        token_id=token_id or None,
        session_id=read_text("session_id", session_id),
        scope=scope,
        session_ends=ends,
        key_id=key_id,
        dialect=dialect,
        extra=((ISSUED_FOR, source),) if source else (),
    )
    return _with_more(plain, more) if more else plain


def _with_more(plain: Claims, text: str) -> Claims:
    try:
        more = strict_json.loads_object(text.encode("utf-8"))
        if not _MORE.issuperset(more):
            raise Denied(Reason.UNSUPPORTED, "a restriction that is not known here")
        rule, conditions = more.get("url"), more.get("if", [])
        return replace(
            plain,
            audience=read_list("aud", more["aud"], read_text) if "aud" in more else (),
            urls=None if rule is None else _url_rule(rule),
            methods=frozenset(read_list("methods", more["methods"], read_method)) if "methods" in more else None,
            networks=read_list("networks", more["networks"], read_network) if "networks" in more else None,
            asns=frozenset(read_list("asns", more["asns"], _read_asn)) if "asns" in more else None,
            conditions=read_list("if", conditions, _read_condition) if conditions else (),
        )
    except ValueError:
        _malformed("its JSON is not a session's")


def _url_rule(value: JsonValue) -> UrlRule:
    word, inner = _word("url", value)
    if word not in URL_RULES:
        raise Denied(Reason.UNSUPPORTED, "a rule for URLs that is not known here")
    return URL_RULES[word].from_json(inner)


def _read_condition(name: str, value: JsonValue) -> Condition:
    word, inner = _word(name, value)
    if word not in CONDITIONS:
        raise Denied(Reason.UNSUPPORTED, "a condition that is not known here")
    return CONDITIONS[word].from_json(inner)


def _word(name: str, value: JsonValue) -> tuple[str, JsonValue]:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
        _malformed(f"{name} is a word and a value")
    return value[0], value[1]


def _read_asn(name: str, value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_ASN:
        _malformed(f"{name} holds AS numbers")
    return value


def _payload(claims: Claims) -> bytes:
    times = (claims.issued_at, claims.expires, claims.session_ends)
    if any(time is None or time != int(time) or not 0 <= time <= _LAST_TIME for time in times):
        raise ValueError("it has whole seconds for its issue, its expiry and the session's end")
    issued, expires, ends = (int(time or 0) for time in times)
    texts = (
        claims.session_id or "",
        dict(claims.extra).get(ISSUED_FOR, ""),
        claims.token_id or "",
        claims.subject or "",
        claims.issuer or "",
        _more(claims),
    )
    rules = () if claims.scope is None else tuple(_KIND_OF[each.rule] + each.pattern for each in claims.scope.rules)
    return _TIMES.pack(issued, expires, ends) + "\n".join((*texts, *rules)).encode("utf-8")


def _more(claims: Claims) -> str:
    more: JsonObject = {}
    if claims.audience:
        more["aud"] = list[JsonValue](claims.audience)
    if claims.urls is not None:
        more["url"] = [claims.urls.WORD, claims.urls.to_json()]
    if claims.methods is not None:
        more["methods"] = list[JsonValue](sorted(claims.methods))
    if claims.networks is not None:
        more["networks"] = [str(network) for network in claims.networks]
    if claims.asns is not None:
        more["asns"] = list[JsonValue](sorted(claims.asns))
    if claims.conditions:
        more["if"] = [[each.WORD, each.to_json()] for each in claims.conditions]
    return strict_json.dumps(more).decode("utf-8") if more else ""


def _malformed(detail: str) -> NoReturn:
    raise Denied(Reason.MALFORMED, detail)
