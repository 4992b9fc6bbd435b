"""Edgio's (EdgeCast's, Verizon's) ectoken, version 3: encrypted rules as a nameless part of the query.

`?<base64url of nonce, ciphertext and tag>`: AES-256-GCM under the SHA-256 of the shared secret, over `ec_expire=…&…`.
`ec_url_allow` compares as text: "/vod/a" opens "/vod/ab" too. A rule that is not known, or a host's, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth import url_hash
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims, Network, read_network
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, digest, mac
from auth.request import Request
from auth.rules.condition import Condition
from auth.rules.countries import Countries
from auth.rules.referrers import Referrers
from auth.rules.schemes import Schemes
from auth.rules.url import DEFAULT_PORTS, Url
from auth.scope import PathScope, Rule
from auth.secret import Secret, Token

NAME = "edgio"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{38,2048}")
_NONCE_BYTES = 12
_TAG_BYTES = 16
_TAIL = "**"
_PAIRS: dict[str, Callable[[tuple[str, ...], tuple[str, ...]], Condition]] = {"country": Countries, "ref": Referrers}
_KNOWN = frozenset(
    {"ec_expire", "ec_clientip", "ec_url_allow", "ec_proto_allow", "ec_proto_deny"}
    | {f"ec_{name}_{verb}" for name in _PAIRS for verb in ("allow", "deny")}
)
_MISSING = "missing"


class Edgio:
    """The dialect `edgio`."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        tokens, query = _take(request.query, carriage)
        if len(tokens) > 1:
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        return Found(Token(tokens[0]), Transport.QUERY, request.path, query) if tokens else None

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return path, _take(query, carriage)[1]

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        if transport is not Transport.QUERY or transport not in carriage.transports:
            raise Misuse(f"this token does not ride by {transport}")
        before, mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        query = _take(query, carriage)[1]
        return Signed(f"{location}?{token.reveal()}{'&' if query else ''}{query}{mark}{fragment}")

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token that a key of the ring opens."""
        data = _parse(found.token)
        keys = ring.candidates(Algorithm.SHARED)
        if not keys:
            raise Denied(Reason.UNKNOWN_KEY, "the ring has no shared secret")
        for key in keys:
            if isinstance(key.verifying, Secret) and (plain := _opened(key.verifying.reveal(), data)) is not None:
                return _claims(plain, key.id)
        raise Denied(Reason.BAD_SIGNATURE)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token of these rules. Paths are globs that end in "**" and have no other wildcard.

        The nonce is a keyed hash of the rules: other rules have another one, and the same rules the same token.
        """
        secret = url_hash.secret_to_sign(key)
        try:
            plain = _written(claims).encode("ascii")
            said = _claims(plain, key.id)
        except (Denied, UnicodeError) as error:
            raise Misuse(f"no token can be made: {error}") from None
        url_hash.check_said(said, claims)
        derived = digest(secret, Hash.SHA256)
        nonce = mac(Secret(derived), plain, Hash.SHA256)[:_NONCE_BYTES]
        return Token(base64url_encode(nonce + AESGCM(derived).encrypt(nonce, plain, None)))

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Nothing can be read without the key."""
        return (("encrypted", f"{len(_parse(found.token)) - _NONCE_BYTES - _TAG_BYTES} bytes of rules"),)


def _take(query: str, carriage: Carriage) -> tuple[list[str], str]:
    if Transport.QUERY not in carriage.transports:
        return [], query
    pieces = query.split("&")
    tokens = [piece for piece in pieces if _TOKEN.fullmatch(piece)]
    return tokens, "&".join(piece for piece in pieces if not _TOKEN.fullmatch(piece))


def _parse(token: Token) -> bytes:
    text = token.reveal()
    try:
        if _TOKEN.fullmatch(text):
            return base64url_decode(text)
    except ValueError:
        pass
    raise Denied(Reason.MALFORMED, "the token is 38 to 2048 characters of base64url")


def _opened(secret: bytes, data: bytes) -> bytes | None:
    try:
        return AESGCM(digest(secret, Hash.SHA256)).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
    except InvalidTag:
        return None


def _claims(plain: bytes, key_id: str) -> Claims:
    rules = _rules(plain)
    ends, clients = rules.get("ec_expire"), rules.get("ec_clientip")
    try:
        return Claims(
            expires=None if ends is None else url_hash.instant(ends),
            networks=None if clients is None else tuple(_client(text) for text in clients.split(",")),
            scope=_scope(rules["ec_url_allow"]) if "ec_url_allow" in rules else None,
            conditions=_conditions(rules),
            key_id=key_id,
            dialect=NAME,
        )
    except Misuse as error:
        raise Denied(Reason.MALFORMED, str(error)) from None


def _rules(plain: bytes) -> dict[str, str]:
    try:
        pieces = [piece.partition("=") for piece in plain.decode("ascii").split("&")]
    except UnicodeError:
        raise Denied(Reason.MALFORMED, "rules are ASCII") from None
    rules = {name: value for name, _, value in pieces}
    if len(rules) != len(pieces) or not all(mark for _, mark, _ in pieces):
        raise Denied(Reason.MALFORMED, "rules are name=value, each once")
    if not rules.keys() <= _KNOWN:
        raise Denied(Reason.UNSUPPORTED, "a rule is not known or not enforced here")
    return rules


def _client(text: str) -> Network:
    return read_network("ec_clientip", text)


def _scope(text: str) -> PathScope:
    """Paths that begin with one of these texts."""
    if "*" in text or "?" in text:
        raise Denied(Reason.UNSUPPORTED, "a path of ec_url_allow has a wildcard")
    return PathScope.glob(*(path + _TAIL for path in text.split(",")))


def _conditions(rules: dict[str, str]) -> tuple[Condition, ...]:
    found: list[Condition] = []
    for name, kind in _PAIRS.items():
        lists = [_listed(rules, f"ec_{name}_{verb}") for verb in ("allow", "deny")]
        if any(lists):
            found.append(kind(*lists))
    if "ec_proto_allow" in rules or "ec_proto_deny" in rules:
        allowed = _listed(rules, "ec_proto_allow") or tuple(DEFAULT_PORTS)
        denied = _listed(rules, "ec_proto_deny")
        found.append(Schemes(tuple(scheme for scheme in allowed if scheme not in denied)))
    return tuple(found)


def _listed(rules: dict[str, str], name: str) -> tuple[str, ...]:
    """The items of a list; a referrer that may be missing is the empty one."""
    items = tuple(rules[name].split(",")) if name in rules else ()
    is_referrer = name.startswith("ec_ref_")
    return tuple("" if is_referrer and item.lower() == _MISSING else item for item in items)


def _written(claims: Claims) -> str:
    """The rules that say these claims, as far as there are rules for them."""
    rules: dict[str, str] = {}
    if claims.expires is not None:
        rules["ec_expire"] = str(url_hash.whole("expires", claims.expires))
    if claims.networks:
        rules["ec_clientip"] = ",".join(str(ip_network(network)) for network in claims.networks)
    if claims.scope is not None:
        globs = claims.scope.patterns(Rule.GLOB)
        rules["ec_url_allow"] = ",".join(pattern.removesuffix(_TAIL) for pattern in globs)
    for condition in claims.conditions:
        match condition:
            case Countries():
                rules |= _both("country", condition.allowed, condition.blocked)
            case Referrers():
                rules |= _both("ref", condition.allowed, condition.blocked)
            case Schemes():
                rules["ec_proto_allow"] = ",".join(condition.allowed)
            case _:
                raise Misuse(f"there is no rule for {condition.WORD}")
    return "&".join(f"{name}={value}" for name, value in rules.items())


def _both(name: str, allowed: tuple[str, ...], blocked: tuple[str, ...]) -> dict[str, str]:
    lists = {"allow": allowed, "deny": blocked}
    return {
        f"ec_{name}_{verb}": ",".join(item or "MISSING" for item in items) for verb, items in lists.items() if items
    }
