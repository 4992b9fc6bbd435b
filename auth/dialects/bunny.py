"""bunny.net's tokens in three generations: HMAC-SHA256, SHA-256 and MD5.

    ?token=<hash>&token_path=…&token_countries=…&expires=<expiry>          the parameters among the URL's own
    /bcdn_token=<hash>&token_path=…&token_countries=…&expires=<expiry>/…   the parameters in the path's first segment

The hash covers `token_path` (everything below it is open) or else the path as it was sent, the expiry, the viewer's
address where the token is bound to one, and every other parameter, sorted and without escapes. So a value with "&" in
it, which could be taken for two parameters, is refused, and an expiry has ten digits, for it follows a path without a
mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import quote, unquote

from auth import url_hash
from auth.carriage import Carriage, Found, Signed, Transport, split_origin
from auth.claims import Claims, Network
from auth.encoding import base64url_encode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, digest, mac
from auth.request import Pairs, Request
from auth.rules.countries import Countries
from auth.rules.url import Url
from auth.scope import PathScope, Rule, UnsafePath
from auth.secret import Secret, Token

NAME = "bunny"

_SEGMENT = "bcdn_token"
_OWN = ("limit", "token_countries", "token_countries_blocked", "token_ignore_params", "token_path", "expires")
READS = frozenset(_OWN)
_HOST_BITS = {4: 32, 6: 64}


class Generation(StrEnum):
    """How the hash is made."""

    HMAC = "hmac-sha256"
    SHA256 = "sha256"
    MD5 = "md5"


@dataclass(frozen=True, slots=True)
class BunnyOptions(Options):
    """Options of `bunny`."""

    generation: Generation = option(Generation.HMAC, "How the hash is made; the older ones only where they are in use.")
    has_address: bool = option(False, "Whether `sha256` and `md5` cover the viewer's address; `hmac-sha256` says so.")
    ignore_limit: bool = option(False, "Whether a token with a speed limit, which is not enforced here, is taken.")


_SHAPES = {
    Generation.HMAC: re.compile(r"HS256-(?P<bound>1-)?[A-Za-z0-9_-]{43}"),
    Generation.SHA256: re.compile(r"(?P<bound>)[A-Za-z0-9_-]{43}"),
    Generation.MD5: re.compile(r"(?P<bound>)[A-Za-z0-9_-]{22}"),
}


class Bunny:
    """The dialect `bunny`."""

    def __init__(self, options: BunnyOptions) -> None:
        self._options = options

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. The parameters stand in one place, all of them."""
        segment, path = _take_segment(request.path, carriage, mount)
        in_query, query = _take(request.query, (carriage.name, *_OWN), Transport.QUERY in carriage.transports)
        has_query = carriage.name in dict(in_query)
        if segment is not None and has_query:
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        if segment is None and not has_query:
            return None
        pairs, mark = (in_query, carriage.name) if segment is None else (_pairs(segment), _SEGMENT)
        values = dict(pairs)
        if len(values) != len(pairs):
            raise Denied(Reason.AMBIGUOUS, "a parameter of the token is there twice")
        if not values.keys() <= {mark, *_OWN}:
            raise Denied(Reason.MALFORMED, "the token has a parameter that is not known")
        parts = tuple((name, values[name]) for name in (mark, *_OWN) if name in values)
        covered = query if segment is None else ""
        transport = Transport.QUERY if segment is None else Transport.PATH
        token = url_hash.joined(tuple((name, quote(_decoded(value), safe="")) for name, value in parts))
        return Found(token, transport, path, query, (path, covered, url_hash.address(request)), parts)

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        path = _take_segment(path, carriage, mount)[1]
        return path, _take(query, (carriage.name, *_OWN), Transport.QUERY in carriage.transports)[1]

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`. In the path, the URL's own query would not be covered."""
        if transport not in carriage.transports & {Transport.PATH, Transport.QUERY}:
            raise Misuse(f"this token does not ride by {transport}")
        before, mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        origin, path = split_origin(location)
        path, query = self.strip(path, query, carriage, mount)
        base = mount.rstrip("/") + "/"
        if transport is Transport.QUERY:
            query += ("&" if query else "") + f"{carriage.name}={token.reveal()}"
        elif path.startswith(base):
            path = f"{base}{_SEGMENT}={token.reveal()}/{path.removeprefix(base)}"
        else:
            raise Misuse("the URL is not below the mount")
        return Signed(origin + path + ("?" + query if query else "") + mark + fragment)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token whose hash is right."""
        tag, own = self._parse(found.token)
        is_bound = bool(tag["bound"]) or (self._options.has_address and self._options.generation is not Generation.HMAC)
        path, query, client = found.bound
        if is_bound and not client:
            raise Denied(Reason.WRONG_NETWORK, "the client's address is not known")
        address = client if is_bound else ""
        key = url_hash.maker(ring, tag[0], lambda secret: self._hash(secret, path, query, own, address))
        return self._claims(path, own, address, key.id)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for `url` with its query, or for a prefix; networks are one address, or the /64 of one."""
        secret = url_hash.secret_to_sign(key)
        if url is None:
            raise Misuse("this token is made for a URL")
        own = {"expires": str(url_hash.whole("expires", claims.expires))}
        prefixes = () if claims.scope is None else claims.scope.patterns(Rule.PREFIX)
        if prefixes:
            own["token_path"] = prefixes[0]
        for condition in claims.conditions:
            if isinstance(condition, Countries):
                lists = {"token_countries": condition.allowed, "token_countries_blocked": condition.blocked}
                own |= {name: ",".join(codes) for name, codes in lists.items() if codes}
        address = "" if claims.networks is None else _address_of(claims.networks)
        try:
            tag = self._hash(secret, url.path, url.query, own, address)
            said = self._claims(url.path, own, address, key.id)
        except Denied as refusal:
            raise Misuse(f"no token can be made: {refusal}") from None
        url_hash.check_said(said, claims)
        ordered = tuple((name, quote(own[name], safe="")) for name in _OWN if name in own)
        return url_hash.joined((("", tag), *ordered))

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Its parameters but the hash."""
        return tuple(self._parse(found.token)[1].items())

    def _parse(self, token: Token) -> tuple[re.Match[str], dict[str, str]]:
        (_, text), *pairs = url_hash.split(token)
        tag = _SHAPES[self._options.generation].fullmatch(text)
        names = [name for name, _ in pairs]
        own = {name: _decoded(value) for name, value in pairs}
        canonical = tuple((name, quote(value, safe="")) for name, value in own.items())
        if tag is None or names != [name for name in _OWN if name in own] or canonical != tuple(pairs):
            raise Denied(Reason.MALFORMED, "the token's parameters are not as they should be")
        if "expires" not in own or url_hash.joined((("", text), *canonical)) != token:
            raise Denied(Reason.MALFORMED, "the token has no expiry")
        url_hash.instant(own["expires"])
        return tag, own

    def _hash(self, secret: bytes, path: str, query: str, own: dict[str, str], address: str) -> str:
        expires, where = own["expires"], own.get("token_path") or path
        if self._options.generation is Generation.MD5:
            if len(own) > 1:
                raise Denied(Reason.MALFORMED, "an MD5 covers no parameters")
            return base64url_encode(digest(secret + url_hash.octets(where, expires, address), Hash.MD5))
        signed = _signed(own, query)
        if self._options.generation is Generation.SHA256:
            return base64url_encode(digest(secret + url_hash.octets(where, expires, signed, address), Hash.SHA256))
        packed = _packed(address)
        message = url_hash.octets(where, expires) + packed + url_hash.octets(signed)
        return f"HS256-{'1-' if address else ''}" + base64url_encode(mac(Secret(secret), message, Hash.SHA256))

    def _claims(self, path: str, own: dict[str, str], address: str, key_id: str) -> Claims:
        if "limit" in own and not self._options.ignore_limit:
            raise Denied(Reason.UNSUPPORTED, "a speed limit is not enforced here")
        try:
            where = own.get("token_path")
            scope = PathScope.prefix(where) if where else url_hash.exact(path)
            lists = tuple(
                tuple(own[name].split(",")) if own.get(name) else ()
                for name in ("token_countries", "token_countries_blocked")
            )
            conditions = (Countries(*lists),) if any(lists) else ()
        except UnsafePath as error:
            raise Denied(Reason.OUT_OF_SCOPE, str(error)) from None
        except Misuse as error:
            raise Denied(Reason.MALFORMED, str(error)) from None
        return Claims(
            scope=scope,
            conditions=conditions,
            networks=(_network(address),) if address else None,
            expires=url_hash.instant(own["expires"]),
            key_id=key_id,
            dialect=NAME,
            extra=(("limit", own["limit"][:60]),) if "limit" in own else (),
        )


def _signed(own: dict[str, str], query: str) -> str:
    """All parameters but hash and expiry, sorted, as `name=value&…` without escapes."""
    chosen = {name: value for name, value in own.items() if name != "expires"}
    if "token_ignore_params" in own:
        if chosen.items() - {("token_ignore_params", "true"), ("token_path", own.get("token_path"))}:
            raise Denied(Reason.MALFORMED, "the token has parameters that its hash does not cover")
    else:
        others = [_form(piece) for piece in query.split("&") if piece]
        chosen |= dict(others)
        if len(chosen) != len(others) + len([name for name in own if name != "expires"]):
            raise Denied(Reason.AMBIGUOUS, "a parameter that the token covers is there twice")
    if any("&" in name or "=" in name or "&" in value for name, value in chosen.items()):
        raise Denied(Reason.MALFORMED, "a parameter could be taken for two")
    return "&".join(f"{name}={value}" for name, value in sorted(chosen.items()))


def _form(piece: str) -> tuple[str, str]:
    name, _, value = piece.replace("+", " ").partition("=")
    return _decoded(name), _decoded(value)


def _decoded(value: str) -> str:
    try:
        value.encode("utf-8")
        return percent_decode(value)
    except ValueError:
        raise Denied(Reason.MALFORMED, "the token's percent-encoding is broken, or no UTF-8") from None


def _pairs(text: str) -> Pairs:
    pieces = (piece.partition("=") for piece in text.split("&"))
    return tuple((unquote(name), value) for name, _, value in pieces)


def _take(query: str, names: tuple[str, ...], is_open: bool) -> tuple[Pairs, str]:
    return url_hash.take(query, names) if is_open else ((), query)


def _take_segment(path: str, carriage: Carriage, mount: str) -> tuple[str | None, str]:
    """The segment with the parameters, or None, and the path without it."""
    base = mount.rstrip("/") + "/"
    if Transport.PATH not in carriage.transports or not path.startswith(f"{base}{_SEGMENT}="):
        return None, path
    segment, _, rest = path.removeprefix(base).partition("/")
    return segment, base + rest


def _network(address: str) -> Network:
    """What a token for this address is bound to: the address, or its /64."""
    return ip_network((address, _HOST_BITS[ip_address(address).version]), strict=False)


def _packed(address: str) -> bytes:
    return _network(address).network_address.packed if address else b""


def _address_of(networks: tuple[Network, ...]) -> str:
    if len(networks) != 1 or networks[0].prefixlen != _HOST_BITS[networks[0].version]:
        raise Misuse("a token is bound to one IPv4 address or one /64 of IPv6")
    return str(networks[0].network_address)
