"""URI signing for CDNI (RFC 9246): a JWT whose claims hold the whole URL, with renewal in the token's own words.

A token without a URL container (`cdniuc`) is refused, and so are extensions that it calls critical. Times are judged
without leeway. A token with `jti` is good for one request; minting writes one only for claims that say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from ipaddress import ip_network

from auth import carriage as rides
from auth import jose, jwe, strict_json
from auth.algorithms import Algorithm
from auth.attribute import take_from_path, take_from_query
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import MAX_EXTRA, MAX_TIME, Claims, Network, read_network, read_one_or_more, read_text, read_time
from auth.encoding import base64url_encode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.renewal import Renewal, RenewalTransport
from auth.request import Request
from auth.rules.expressions import UrlHash, UrlRegex
from auth.rules.url import Url, UrlRule
from auth.secret import Secret, Token
from auth.strict_json import JsonObject, JsonValue

NAME = "uri-signing"
CARRIAGE = Carriage("URISigningPackage", frozenset({Transport.PATH, Transport.QUERY, Transport.COOKIE}))
VERSION = 1

_TYPES = frozenset({None, "jwt"})
_TIMES = {"not_before": "nbf", "expires": "exp", "issued_at": "iat"}
_TRANSPORTS = {1: RenewalTransport.COOKIE, 2: RenewalTransport.QUERY}
_RENEWAL = ("cdnistt", "cdniets", "cdnistd")
_DEFINED = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cdniv", "cdnicrit", "cdniip", "cdniuc", *_RENEWAL}
)
_UNENFORCED = frozenset({"cnf", "ip"})  # restrictions of other profiles
_REGEX, _HASH = "regex:", "hash:sha-256;"
_ADDRESS = re.compile(r"(\[)?([0-9A-Fa-f.:]{2,45}(?:/[0-9]{1,3})?)(?(1)\])")  # RFC 9246 Appendix A.2 has the brackets
_SHOWN_CHARS = 60
_AES = {16: Algorithm.A128GCM, 32: Algorithm.A256GCM}


class Match(StrEnum):
    """What a regular expression has to match."""

    WHOLE = "whole"
    START = "start"


@dataclass(frozen=True, slots=True)
class UriSigningOptions(Options):
    """What a mount may set for this dialect."""

    match: Match = option(Match.WHOLE, "Whether a regular expression covers the whole URL or what the URL begins with.")
    jwt_header: str = option("", "The JOSE header of tokens that leave it out, as JSON or as it was encoded.")
    encryption_key: Secret | None = option(None, "16 or 32 bytes that encrypt sub and cdniip in what is minted.")
    encryption_key_id: str = option("encryption", "The key id that encrypted claims name.")


class UriSigning:
    """The dialect `uri-signing`."""

    def __init__(self, options: UriSigningOptions) -> None:
        """Misuse for a header that is not one and for an encryption key of another length."""
        self._is_whole = options.match is Match.WHOLE
        self._header = _encoded_header(options.jwt_header)
        self._own = _encryption_key(options)

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`; a token in path or query may be an attribute anywhere."""
        in_path, path, in_query, query = _take_both(request.path, request.query, carriage)
        in_uri = [(Transport.PATH, token) for token in in_path] + [(Transport.QUERY, token) for token in in_query]
        if len(in_path) > 1 or len(in_query) > 1 or len({token for _, token in in_uri}) > 1:
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        beside = carriage.transports & ({Transport.HEADER} if in_uri else {Transport.HEADER, Transport.COOKIE})
        other = None
        if beside:
            other = rides.locate(request.at(path, query), replace(carriage, transports=beside), mount)
        if not in_uri:
            return other
        transport, encoded = in_uri[0]
        token = _decoded(encoded)
        if other is not None and other.token.reveal() != token:
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        return Found(Token(token), transport, path, query)

    def strip(self, path: str, query: str, carriage: Carriage, _mount: str) -> tuple[str, str]:
        """See `Dialect`; RFC 9246 §2.1.15."""
        _, bare_path, _, bare_query = _take_both(path, query, carriage)
        return bare_path, bare_query

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`; in a path, the token is the first segment below the mount, which relative URLs keep."""
        before, hash_mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        location, query = self.strip(location, query, carriage, mount)
        bare = location + (f"?{query}" if query else "") + hash_mark + fragment
        return rides.issue(bare, token, carriage, mount, transport)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a signed JWT. Nothing of the payload is read before its signature holds."""
        jws = self._parse(found.token)
        key = jose.verify(jws, ring)
        return self._claims(_payload(jws), ring, key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A signed JWT. Misuse for claims that it cannot say.

        Claims without a URL rule cover what their scope covers on the host of `url`, or else `url` alone.
        """
        rule = self._container(claims, url)
        wanted = replace(
            claims,
            urls=rule,
            scope=None,
            strict_time=True,
            token_id=claims.token_id if claims.one_time else None,
            key_id=None,
            dialect="",
        )
        try:
            payload = strict_json.dumps(self._members(wanted))
            said = self._claims(strict_json.loads_object(payload), KeyRing())
        except (ValueError, Denied) as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        names = [each.name for each in fields(Claims) if getattr(said, each.name) != getattr(wanted, each.name)]
        if names:
            raise Misuse(f"a URI signing token cannot say these as given: {', '.join(names)}")
        _check_sense(wanted)
        return self._sign(payload, key)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Header and claims, each value shortened; encrypted ones as they stand."""
        jws = self._parse(found.token)
        header = (("alg", jws.algorithm), ("kid", "absent" if jws.key_id is None else _shown(jws.key_id)))
        return (*header, *((_shown(name), _shown(value)) for name, value in _payload(jws).items()))

    def _parse(self, token: Token) -> jose.Jws:
        """RFC 9246 §2.2: a token of two parts lacks the header that was agreed on beforehand."""
        if self._header and token.reveal().count(".") == 1:
            token = Token(f"{self._header}.{token.reveal()}")
        jws = jose.parse(token)
        if jws.type not in _TYPES:
            raise Denied(Reason.UNSUPPORTED, "typ is JWT or absent")
        return jws

    def _sign(self, payload: bytes, key: Key) -> Token:
        if not self._header:
            return jose.sign(payload, key, typ="JWT")
        agreed = jose.parse(Token(f"{self._header}.e30."))
        if not key.accepts(agreed.algorithm) or agreed.key_id not in {None, key.id}:
            raise Misuse(f"jwt_header is not about key {key.id}")
        return Token(jose.sign_under(self._header, payload, key).reveal().partition(".")[2])

    def _claims(self, payload: JsonObject, ring: KeyRing, key_id: str | None = None, dialect: str = "") -> Claims:
        _check_version(payload)
        if not _UNENFORCED.isdisjoint(payload):
            raise Denied(Reason.UNSUPPORTED, "a claim restricts the token in a way that is not enforced here")
        times = {ours: read_time(name, payload[name]) for ours, name in _TIMES.items() if name in payload}
        rest = [(name, value) for name, value in payload.items() if name not in _DEFINED]
        return Claims(
            issuer=read_text("iss", payload["iss"]) if "iss" in payload else None,
            subject=self._decrypted("sub", payload, ring),
            audience=read_one_or_more("aud", payload["aud"]) if "aud" in payload else (),
            not_before=times.get("not_before"),
            expires=times.get("expires"),
            issued_at=times.get("issued_at"),
            token_id=read_text("jti", payload["jti"]) if "jti" in payload else None,
            one_time="jti" in payload,
            urls=self._read_container(payload),
            networks=_networks(self._decrypted("cdniip", payload, ring)),
            renewal=_renewal(payload),
            strict_time=True,
            key_id=key_id,
            dialect=dialect,
            extra=tuple((_shown(name), _shown(value)) for name, value in rest[:MAX_EXTRA]),
        )

    def _read_container(self, payload: JsonObject) -> UrlRule:
        value = payload.get("cdniuc")
        if value is None:
            raise Denied(Reason.SCOPE_MISSING, "cdniuc is missing")
        try:
            if isinstance(value, str) and value.startswith(_REGEX):
                return UrlRegex(value.removeprefix(_REGEX), self._is_whole)
            if isinstance(value, str) and value.startswith(_HASH):
                return UrlHash(value.removeprefix(_HASH))
        except Misuse as error:
            raise Denied(Reason.MALFORMED, f"cdniuc: {error}") from None
        raise Denied(Reason.UNSUPPORTED, "cdniuc is a regex: or a hash:sha-256;")

    def _decrypted(self, name: str, payload: JsonObject, ring: KeyRing) -> str | None:
        if name not in payload:
            return None
        value = payload[name]
        if not isinstance(value, str):
            raise Denied(Reason.MALFORMED, f"{name} is an encrypted string")
        try:
            return read_text(name, self._decrypt(value, ring).decode("utf-8"))
        except UnicodeDecodeError:
            raise Denied(Reason.MALFORMED, f"{name} is not text") from None
        except Denied as refusal:
            raise Denied(refusal.reason, f"{name}: {refusal.detail}") from None

    def _decrypt(self, value: str, ring: KeyRing) -> bytes:
        try:
            return jwe.decrypt(value, ring)
        except Denied as refusal:
            if self._own is None or refusal.reason is not Reason.UNKNOWN_KEY:
                raise
        return jwe.decrypt(value, KeyRing([self._own]))

    def _members(self, claims: Claims) -> JsonObject:
        """The payload that says these claims, times as whole numbers where they are whole."""
        members: JsonObject = {}
        if claims.issuer is not None:
            members["iss"] = claims.issuer
        if claims.subject is not None:
            members["sub"] = self._encrypted(claims.subject)
        if claims.audience:
            members["aud"] = claims.audience[0] if len(claims.audience) == 1 else list(claims.audience)
        for ours, name in _TIMES.items():
            if (instant := getattr(claims, ours)) is not None:
                members[name] = _number(instant)
        if claims.token_id is not None:
            members["jti"] = claims.token_id
        for network in claims.networks or ():
            members["cdniip"] = self._encrypted(str(network))
        members["cdniuc"] = _container_text(claims.urls)
        return members | _renewal_members(claims.renewal)

    def _container(self, claims: Claims, url: Url | None) -> UrlRule:
        if claims.urls is not None and claims.scope is None:
            return claims.urls
        if claims.urls is not None or url is None:
            raise Misuse("a URI signing token covers URLs: by a rule, or by paths on the host of an absolute URL")
        if claims.scope is None:
            return UrlHash.of(url)
        return UrlRegex.of_scope(claims.scope, url, is_whole=self._is_whole)

    def _encrypted(self, text: str) -> str:
        if self._own is None:
            raise Misuse("an encryption_key is needed to say who or where a viewer is")
        return jwe.encrypt(text.encode("utf-8"), self._own)


def _take_both(path: str, query: str, carriage: Carriage) -> tuple[list[str], str, list[str], str]:
    """The tokens of the path, the path without them, and the same of the query, as far as each is open to tokens."""
    in_path, in_query = list[str](), list[str]()
    if Transport.PATH in carriage.transports:
        in_path, path = take_from_path(path, carriage.name)
    if Transport.QUERY in carriage.transports:
        in_query, query = take_from_query(query, carriage.name)
    return in_path, path, in_query, query


def _decoded(encoded: str) -> str:
    try:
        return percent_decode(encoded)
    except (UnicodeError, ValueError):
        raise Denied(Reason.MALFORMED, "the token's percent-encoding is broken") from None


def _payload(jws: jose.Jws) -> JsonObject:
    try:
        return strict_json.loads_object(jws.payload)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"claims: {error}") from None


def _check_version(payload: JsonObject) -> None:
    """RFC 9246 §2.1.8 and §2.1.9."""
    version = payload.get("cdniv", VERSION)
    if type(version) is not int or version != VERSION:
        raise Denied(Reason.UNSUPPORTED, f"cdniv is {VERSION}")
    if "cdnicrit" not in payload:
        return
    critical = payload["cdnicrit"]
    names = critical.split(",") if isinstance(critical, str) else []
    is_sound = bool(names) and len(set(names)) == len(names) and all(name in payload for name in names)
    if not is_sound or not _DEFINED.isdisjoint(names):
        raise Denied(Reason.MALFORMED, "cdnicrit lists extensions that are present, each once")
    raise Denied(Reason.UNSUPPORTED, "cdnicrit lists an extension that is not understood")


def _networks(text: str | None) -> tuple[Network, ...] | None:
    """One address or block; bits behind its prefix are nothing (RFC 9246 Appendix A.2 has some)."""
    if text is None:
        return None
    found = _ADDRESS.fullmatch(text)
    try:
        network = None if found is None else ip_network(found[2], strict=False)
    except ValueError:
        network = None
    if network is None:
        raise Denied(Reason.MALFORMED, "cdniip is an IP address or a CIDR block")
    return (read_network("cdniip", str(network)),)


def _renewal(payload: JsonObject) -> Renewal | None:
    """RFC 9246 §2.1.12 to §2.1.14; cdnistt and cdniets come together even where nothing is renewed (§3.2.1)."""
    if ("cdnistt" in payload) != ("cdniets" in payload):
        raise Denied(Reason.MALFORMED, "cdnistt and cdniets come together")
    depth = payload.get("cdnistd")
    if "cdnistd" in payload and (type(depth) is not int or not 0 <= depth <= MAX_TIME):
        raise Denied(Reason.MALFORMED, "cdnistd is a count of path segments")
    if "cdnistt" not in payload:
        return None
    kind, extend = payload["cdnistt"], read_time("cdniets", payload["cdniets"])
    if type(kind) is not int or (kind != 0 and kind not in _TRANSPORTS):
        raise Denied(Reason.UNSUPPORTED, "cdnistt is 0, 1 or 2")
    if kind == 0:
        return None
    return Renewal(_TRANSPORTS[kind], extend, path_depth=depth if isinstance(depth, int) else None)


def _renewal_members(renewal: Renewal | None) -> JsonObject:
    if renewal is None:
        return {}
    kinds = {transport: kind for kind, transport in _TRANSPORTS.items()}
    if renewal.transport not in kinds:
        raise Misuse(f"a token is not renewed by {renewal.transport}")
    members: JsonObject = {"cdnistt": kinds[renewal.transport], "cdniets": _number(renewal.extend)}
    return members if renewal.path_depth is None else members | {"cdnistd": renewal.path_depth}


def _container_text(rule: UrlRule | None) -> str:
    match rule:
        case UrlRegex():
            return _REGEX + rule.pattern
        case UrlHash():
            return _HASH + rule.sha256
        case _:
            raise Misuse("a URI signing token covers URLs by an expression or a hash")


def _check_sense(claims: Claims) -> None:
    if claims.one_time and claims.renewal is not None:
        raise Misuse("a token for one request is not renewed")
    for name, instant in (("not_before", claims.not_before), ("issued_at", claims.issued_at)):
        if instant is not None and claims.expires is not None and claims.expires <= instant:
            raise Misuse(f"the token would expire before its {name}")


def _encoded_header(text: str) -> str:
    header = base64url_encode(text.encode("utf-8")) if text.startswith("{") else text
    if header:
        try:
            jose.parse(Token(f"{header}.e30."))
        except Denied as refusal:
            raise Misuse(f"jwt_header: {refusal.detail}") from None
    return header


def _encryption_key(options: UriSigningOptions) -> Key | None:
    if options.encryption_key is None:
        return None
    algorithm = _AES.get(len(options.encryption_key.reveal()))
    if algorithm is None:
        raise Misuse("encryption_key: has 16 or 32 bytes")
    return Key(options.encryption_key_id, algorithm, options.encryption_key)


def _number(value: float) -> JsonValue:
    return int(value) if float(value).is_integer() else value


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else strict_json.dumps(value).decode("utf-8")
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= _SHOWN_CHARS else printable[:_SHOWN_CHARS] + "…"
