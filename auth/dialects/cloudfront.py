"""Signed URLs and signed cookies of Amazon CloudFront.

A signature covers a policy. A canned policy is not sent: it is made again from `Expires` and from the URL, which is all
that the token opens. A custom policy is sent as `Policy`; it may have wildcards, a beginning and a network. In cookies
every name is preceded by "CloudFront-".

A request with any of the parameters is taken to be a signed URL, and its cookies are not looked at. Where both
`Expires` and `Policy` are sent, they must say the same, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network
from urllib.parse import unquote

from auth import strict_json
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import MAX_TIME, Claims, read_network
from auth.encoding import base64_decode, base64_encode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, is_signed, sign
from auth.request import Pairs, Request
from auth.rules.url import ExactUrl, Url, UrlRule
from auth.rules.wildcards import UrlWildcards
from auth.saying import check_sayable, shown
from auth.scope import PathScope, Rule
from auth.secret import Secret, Token
from auth.strict_json import JsonObject, JsonValue

NAME = "cloudfront"
CARRIAGE = Carriage("Signature", frozenset({Transport.QUERY, Transport.COOKIE}))

_NAMES = ("Expires", "Policy", "Key-Pair-Id", "Hash-Algorithm", "Signature")  # the order in a token's text
READS = frozenset(_NAMES)
_ORDER = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")  # the order in a URL, as others have it
_COOKIE = "CloudFront-"
_MAX_CHARS = 8192
_TEXT = re.compile(
    r"(?=Expires=|Policy=)(?:Expires=(?P<expires>[1-9][0-9]{0,15})&)?(?:Policy=(?P<policy>[A-Za-z0-9~_-]+)&)?"
    r"Key-Pair-Id=(?P<key>[A-Za-z0-9._~-]{1,128})(?:&Hash-Algorithm=(?P<hash>SHA1|SHA256))?"
    r"&Signature=(?P<signature>[A-Za-z0-9~_-]+)"
)
_FROM_BASE64 = str.maketrans("+=/", "-_~")
_KEYS = frozenset({Algorithm.RS256, Algorithm.ES256})
# What a canned policy is made of has no other reading: not a character that JSON would escape.
_CANNED_URL = re.compile(r"[!#-\[\]-~]+")
_SAYABLE = {"expires", "not_before", "urls", "scope", "networks"}


class SignatureHash(StrEnum):
    """The hash functions that CloudFront signs with."""

    SHA1 = "sha1"
    SHA256 = "sha256"


_WIRE = {"SHA1": SignatureHash.SHA1, "SHA256": SignatureHash.SHA256, None: SignatureHash.SHA1}


@dataclass(frozen=True, slots=True)
class CloudFrontOptions(Options):
    """Options of `cloudfront`."""

    hashes: tuple[SignatureHash, ...] = option(
        (SignatureHash.SHA256, SignatureHash.SHA1),
        "Hash functions accepted in signatures, whatever a URL asks for; the first one signs.",
    )

    def __post_init__(self) -> None:
        if not self.hashes:
            raise Misuse("hashes: names at least one hash function")


@dataclass(frozen=True, slots=True)
class _Parts:
    """A token's text, taken apart; nothing of it is authentic yet."""

    expires: str | None
    policy: bytes | None
    key_id: str
    hash: SignatureHash
    signature: bytes = field(repr=False)

    def signed(self, bound: tuple[str, ...]) -> bytes:
        """The policy that the signature must cover. Denied when the parameters contradict each other."""
        if self.expires is None:
            return self.policy or b""
        if len(bound) != 1 or not _CANNED_URL.fullmatch(bound[0]):
            raise Denied(Reason.MALFORMED, "no canned policy is made of this URL")
        canned = _canned(bound[0], self.expires)
        if self.policy is not None and self.policy != canned:
            raise Denied(Reason.AMBIGUOUS, "Expires and Policy say different things")
        return canned


class CloudFront:
    """The dialect `cloudfront`."""

    def __init__(self, options: CloudFrontOptions) -> None:
        self._hashes = options.hashes

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. The parameters' names do not depend on the carriage."""
        if Transport.QUERY in carriage.transports:
            parts, query = _take(request.query)
            if parts:
                return _found(request.at(request.path, query), parts, Transport.QUERY, "")
        if Transport.COOKIE in carriage.transports:
            parts = tuple(pair for pair in request.cookies if pair[0].removeprefix(_COOKIE) in _NAMES)
            parts = tuple(pair for pair in parts if pair[0].startswith(_COOKIE))
            if parts:
                return _found(request, parts, Transport.COOKIE, _COOKIE)
        return None

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return path, _take(query)[1] if Transport.QUERY in carriage.transports else query

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a policy. A custom one is not read before its signature holds.

        A policy without a Resource names neither paths nor URLs: it opens everything where a realm admits that.
        """
        parts = _parse(found.token)
        signed = parts.signed(found.bound)
        key = ring.find(parts.key_id)
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY, "no key of that Key-Pair-Id")
        if key.algorithm not in _KEYS or isinstance(key.verifying, Secret):
            raise Denied(Reason.WRONG_ALGORITHM, "the key is neither RSA nor on P-256")
        # The parameter is not signed, so it chooses among what is configured and opens nothing itself.
        if parts.hash not in self._hashes:
            raise Denied(Reason.WRONG_ALGORITHM, "the signature's hash function is not accepted here")
        if not is_signed(key.verifying, signed, parts.signature, Hash(parts.hash.value)):
            raise Denied(Reason.BAD_SIGNATURE)
        if parts.expires is not None:
            expires, urls = _instant(int(parts.expires)), ExactUrl(found.bound[0])
            return Claims(expires=expires, urls=urls, key_id=key.id, dialect=NAME)
        return _claims(signed, key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A canned policy where claims say an end and at most the URL itself, a custom one for more.

        A path becomes the same path under the URL's host with any query, a prefix (with a slash at its end) all
        below it; both are read back as `urls`. Misuse for what a policy cannot say.
        """
        if key.signing is None or isinstance(key.signing, Secret) or key.algorithm not in _KEYS:
            raise Misuse(f"key {key.id} cannot sign for CloudFront: a private key for RS256 or ES256 is needed")
        _check_sayable(claims)
        expires = _whole("expires", claims.expires)
        if url is not None and _is_canned(claims, url):
            if "*" in url.text or not _CANNED_URL.fullmatch(url.text):
                # The same signature is good for a custom policy, in which a star is a wildcard.
                raise Misuse("a URL with a star or with characters to be escaped is not signed with a canned policy")
            policy, shown = _canned(url.text, str(expires)), f"Expires={expires}"
        else:
            policy = strict_json.dumps(_policy(claims, expires, url))
            _claims(policy)
            shown = f"Policy={_encode(policy)}"
        using = self._hashes[0]
        name = "" if using is SignatureHash.SHA1 else "&Hash-Algorithm=SHA256"
        signature = _encode(sign(key.signing, policy, Hash(using.value)))
        token = Token(f"{shown}&Key-Pair-Id={key.id}{name}&Signature={signature}")
        try:
            _parse(token)
        except Denied as error:
            raise Misuse(f"the token cannot be minted: {error.detail}") from None
        return token

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        pairs = tuple(piece.partition("=")[::2] for piece in token.reveal().split("&"))
        in_order = sorted(((name, value) for name, value in pairs), key=lambda pair: _ORDER.index(pair[0]))
        if transport is Transport.COOKIE and transport in carriage.transports:
            return Signed(url, cookies=tuple((_COOKIE + name, value) for name, value in in_order))
        if transport is not Transport.QUERY or transport not in carriage.transports:
            raise Misuse(f"CloudFront's signatures do not ride in a {transport} here")
        before, mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        kept = _take(query)[1]
        query = "&".join(([kept] if kept else []) + [f"{name}={value}" for name, value in in_order])
        return Signed(f"{location}?{query}{mark}{fragment}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Key, hash function, and the policy's statements."""
        parts = _parse(found.token)
        about = (("Key-Pair-Id", parts.key_id), ("hash", parts.hash.value))
        if parts.policy is None:
            return (*about, ("policy", "canned"), ("Expires", parts.expires or ""))
        statement = _statement(parts.policy)
        return (*about, ("policy", "custom"), *((name, shown(value)) for name, value in statement.items()))


def _take(query: str) -> tuple[Pairs, str]:
    """The signing parameters, values still encoded, and the query without them, the rest in its order."""
    taken, kept = [], []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        plain = unquote(name) if "%" in name else name
        if plain in _NAMES:
            taken.append((plain, value))
        else:
            kept.append(piece)
    return tuple(taken), "&".join(kept)


def _found(request: Request, parts: Pairs, transport: Transport, prefix: str) -> Found:
    values: dict[str, str] = {}
    for name, value in parts:
        plain = name.removeprefix(prefix)
        if plain in values:
            raise Denied(Reason.AMBIGUOUS, f"{plain} is there twice")
        try:
            values[plain] = percent_decode(value)
        except ValueError:
            raise Denied(Reason.MALFORMED, f"{plain}: the percent-encoding is broken") from None
    text = "&".join(f"{name}={values[name]}" for name in _NAMES if name in values)
    bound = (Url.of(request).text,) if "Expires" in values else ()
    return Found(Token(text), transport, request.path, request.query, bound, parts)


def _parse(token: Token) -> _Parts:
    text = token.reveal()
    if len(text) > _MAX_CHARS:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {_MAX_CHARS} characters")
    found = _TEXT.fullmatch(text)
    if found is None:
        raise Denied(Reason.MALFORMED, "Expires or Policy, Key-Pair-Id and Signature are needed, each as it is made")
    policy = None if found["policy"] is None else _decode("Policy", found["policy"])
    signature = _decode("Signature", found["signature"])
    return _Parts(found["expires"], policy, found["key"], _WIRE[found["hash"]], signature)


def _decode(name: str, text: str) -> bytes:
    try:
        return base64_decode(text.replace("-", "+").replace("_", "=").replace("~", "/"))
    except ValueError:
        raise Denied(Reason.MALFORMED, f"{name} is base64 with - _ ~ in place of + = /") from None


def _encode(data: bytes) -> str:
    return base64_encode(data).translate(_FROM_BASE64)


def _canned(url: str, expires: str) -> bytes:
    """The canned policy, to the byte."""
    return (
        f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}'
    ).encode("ascii")


def _statement(policy: bytes) -> JsonObject:
    """The one statement of a policy, in a list or by itself."""
    try:
        members = strict_json.loads_object(policy)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"policy: {error}") from None
    statement = members.pop("Statement", None)
    if members:
        raise Denied(Reason.UNSUPPORTED, "a policy has a Statement and nothing else")
    if isinstance(statement, list) and len(statement) == 1:
        statement = statement[0]
    if not isinstance(statement, dict):
        raise Denied(Reason.MALFORMED, "a policy has exactly one statement")
    return statement


def _claims(policy: bytes, key_id: str | None = None, dialect: str = "") -> Claims:
    statement = _statement(policy)
    conditions = statement.get("Condition")
    if statement.keys() - {"Resource", "Condition"}:
        raise Denied(Reason.UNSUPPORTED, "a statement has a Resource and a Condition and nothing else")
    if not isinstance(conditions, dict) or "DateLessThan" not in conditions:
        raise Denied(Reason.MALFORMED, "a statement has a Condition with DateLessThan")
    if conditions.keys() - {"DateLessThan", "DateGreaterThan", "IpAddress"}:
        raise Denied(Reason.UNSUPPORTED, "a condition restricts the token in a way that is not enforced here")
    begins = "DateGreaterThan" in conditions
    return Claims(
        # "Less than" says it: at the instant itself the token has expired.
        expires=_instant(_only(conditions, "DateLessThan", "AWS:EpochTime")),
        # "Greater than" would leave out the instant itself, which has no length.
        not_before=_instant(_only(conditions, "DateGreaterThan", "AWS:EpochTime")) if begins else None,
        networks=_networks(_only(conditions, "IpAddress", "AWS:SourceIp")) if "IpAddress" in conditions else None,
        urls=_rule(statement["Resource"]) if "Resource" in statement else None,
        key_id=key_id,
        dialect=dialect,
    )


def _only(conditions: JsonObject, operator: str, name: str) -> JsonValue:
    operand = conditions[operator]
    if not isinstance(operand, dict) or name not in operand:
        raise Denied(Reason.MALFORMED, f"{operator} has {name}")
    if len(operand) != 1:
        raise Denied(Reason.UNSUPPORTED, f"{operator} has {name} and nothing else")
    return operand[name]


def _instant(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_TIME:
        raise Denied(Reason.MALFORMED, "times are whole seconds from 1 to 2^53")
    return value


def _networks(value: JsonValue) -> tuple[IPv4Network]:
    network = read_network("AWS:SourceIp", value)
    if not isinstance(network, IPv4Network):
        raise Denied(Reason.UNSUPPORTED, "AWS:SourceIp is for IPv4")
    return (network,)


def _rule(resource: JsonValue) -> UrlRule:
    if not isinstance(resource, str):
        raise Denied(Reason.MALFORMED, "Resource is a string")
    try:
        return UrlWildcards(resource)
    except ValueError as error:
        raise Denied(Reason.UNSUPPORTED, f"Resource: {error}") from None


def _is_canned(claims: Claims, url: Url) -> bool:
    is_plain = claims.scope is None and claims.not_before is None and claims.networks is None
    return is_plain and claims.urls in {None, ExactUrl(url.text)}


def _check_sayable(claims: Claims) -> None:
    check_sayable(claims, _SAYABLE, "a CloudFront policy")
    if claims.scope is not None and claims.urls is not None:
        raise Misuse("a CloudFront policy has one Resource: paths or URLs, not both")


def _policy(claims: Claims, expires: int, url: Url | None) -> JsonObject:
    """The custom policy, its members in the order that is common."""
    conditions: JsonObject = {"DateLessThan": {"AWS:EpochTime": expires}}
    if claims.networks is not None:
        if len(claims.networks) != 1 or not isinstance(claims.networks[0], IPv4Network):
            raise Misuse("a CloudFront policy can name one IPv4 network")
        conditions["IpAddress"] = {"AWS:SourceIp": str(claims.networks[0])}
    if claims.not_before is not None:
        begins = _whole("not_before", claims.not_before)
        if begins >= expires:
            raise Misuse("the token would expire before it begins")
        conditions["DateGreaterThan"] = {"AWS:EpochTime": begins}
    return {"Statement": [{"Resource": _resource(claims, url), "Condition": conditions}]}


def _resource(claims: Claims, url: Url | None) -> str:
    if isinstance(claims.urls, UrlWildcards):
        return claims.urls.pattern
    if url is None:
        raise Misuse("a CloudFront signature needs the absolute URL that it is for")
    try:
        if isinstance(claims.urls, ExactUrl):
            return UrlWildcards.of(claims.urls.url).pattern
        if claims.urls is not None:
            raise Misuse("a CloudFront policy cannot say this rule for URLs")
        if claims.scope is None:
            return UrlWildcards.of(url.text).pattern
        return UrlWildcards.of(f"{url.scheme}://{url.authority}{_only_path(claims.scope)}").pattern + _tail(
            claims.scope
        )
    except ValueError as error:
        raise Misuse(f"the token cannot be minted: {error}") from None


def _only_path(scope: PathScope) -> str:
    (rule, *others) = scope.rules
    is_sayable = rule.rule is Rule.EXACT or (rule.rule is Rule.PREFIX and rule.pattern.endswith("/"))
    if others or not is_sayable:
        raise Misuse("a CloudFront policy can name one path, or one prefix with a slash at its end")
    return rule.pattern


def _tail(scope: PathScope) -> str:
    return "\\?*" if scope.rules[0].rule is Rule.EXACT else "*"


def _whole(name: str, value: float | None) -> int:
    if value is None or isinstance(value, bool) or not 0 < value <= MAX_TIME or value != int(value):
        raise Misuse(f"a CloudFront policy says {name} in whole seconds")
    return int(value)
