"""What tokens have in common that are a hash over a secret, a URL and an instant.

Such a token is one or a few parameters whose values need no escapes, and names no key: the ring's shared secrets are
tried. A dialect says what is hashed; how it is found on a request, compared and attached is here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv6Address
from urllib.parse import unquote, unquote_to_bytes

from auth import carriage as rides
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import same
from auth.request import Pairs, Request
from auth.rules.url import Url
from auth.scope import PathScope, UnsafePath, normalise
from auth.secret import Secret, Token

MAX_TOKEN = 4096

# Always ten digits: where an instant follows a path without a mark between them, neither can take a digit of the other.
_INSTANT = re.compile(r"[1-9][0-9]{9}")


class SeveralNames:
    """How a token rides that is several query parameters, or cookies of the same names: part of a dialect.

    `Found.token` is `hash&name=value&…` in the order of `names`, values as they were sent. The first name, which is not
    in it, marks a token; another that is missing is left out.
    """

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        """The parameters of a token, the one that marks it first."""
        raise NotImplementedError

    def bound(self, request: Request) -> tuple[str, ...]:
        """What else the hash covers, of a request without the token."""
        raise NotImplementedError

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        names, query = self.names(carriage), request.query
        pairs: Pairs = ()
        transport = Transport.QUERY
        if Transport.QUERY in carriage.transports:
            pairs, query = take(request.query, names)
        if names[0] not in dict(pairs) and Transport.COOKIE in carriage.transports:
            transport = Transport.COOKIE
            pairs = tuple(pair for pair in request.cookies if pair[0] in names)
        if names[0] not in dict(pairs):
            return None
        values = dict(pairs)
        if len(values) != len(pairs):
            raise Denied(Reason.AMBIGUOUS, "a parameter of the token is there twice")
        parts = tuple((name, values[name]) for name in names if name in values)
        bound = self.bound(request.at(request.path, query))
        return Found(joined(parts), transport, request.path, query, bound, parts)

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        is_open = Transport.QUERY in carriage.transports
        return path, take(query, self.names(carriage))[1] if is_open else query

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        if transport not in carriage.transports & {Transport.QUERY, Transport.COOKIE}:
            raise Misuse(f"this token does not ride by {transport}")
        if transport is Transport.COOKIE:
            (_, tag), *others = split(token)
            return Signed(url, cookies=((self.names(carriage)[0], tag), *others))
        before, mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        names = self.names(carriage)
        query = take(query, names)[1]
        return Signed(f"{location}?{query}{'&' if query else ''}{names[0]}={token.reveal()}{mark}{fragment}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Everything but the hash, which comes first."""
        names = [name for name, _ in found.parts[1:]]
        return tuple(zip(names, values(found.token, names)[1:], strict=True))


def take(query: str, names: Sequence[str]) -> tuple[Pairs, str]:
    """The parameters of these names, values as sent, and the query without them. Names are compared decoded."""
    found, kept = [], []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        plain = unquote(name) if "%" in name else name
        if plain in names:
            found.append((plain, value))
        else:
            kept.append(piece)
    return tuple(found), "&".join(kept)


def joined(pairs: Pairs) -> Token:
    """Pairs as one text, without the first name."""
    (_, first), *others = pairs
    return Token("&".join((first, *(f"{name}={value}" for name, value in others))))


def split(token: Token) -> Pairs:
    """The inverse of `joined`; Denied(TOO_LARGE) for a token of more than 4096 characters."""
    text = token.reveal()
    if len(text) > MAX_TOKEN:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {MAX_TOKEN} characters")
    first, *others = text.split("&")
    pieces = (piece.partition("=") for piece in others)
    return (("", first), *((name, value) for name, _, value in pieces))


def values(token: Token, names: Sequence[str]) -> tuple[str, ...]:
    """The hash, and the values of exactly these parameters in this order; Denied(MALFORMED) for any other."""
    pairs = split(token)
    if [name for name, _ in pairs[1:]] != list(names) or joined(pairs) != token or not pairs[0][1]:
        raise Denied(Reason.MALFORMED, "the token's parameters are not as they should be")
    return tuple(value for _, value in pairs)


def maker(ring: KeyRing, tag: str, hashed: Callable[[bytes], str]) -> Key:
    """The shared secret for which `hashed` gives `tag`; Denied when there is none."""
    keys = ring.candidates(Algorithm.SHARED)
    if not keys:
        raise Denied(Reason.UNKNOWN_KEY, "the ring has no shared secret")
    for key in keys:
        if isinstance(key.verifying, Secret) and same(hashed(key.verifying.reveal()), tag):
            return key
    raise Denied(Reason.BAD_SIGNATURE)


def secret_to_sign(key: Key) -> bytes:
    """The octets of a shared secret; Misuse for a key of another kind."""
    if key.algorithm is not Algorithm.SHARED or not isinstance(key.signing, Secret):
        raise Misuse(f"key {key.id}: this format signs with a shared-secret")
    return key.signing.reveal()


def instant(text: str) -> int:
    """Unix seconds in decimal, ten digits (until 2286); Denied(MALFORMED) for any other text."""
    if not _INSTANT.fullmatch(text):
        raise Denied(Reason.MALFORMED, "a time is Unix seconds in ten digits")
    return int(text)


def whole(name: str, value: float | None) -> int:
    """A time that a format without fractions can say; Misuse for any other."""
    if value is None or isinstance(value, bool) or value != value // 1 or not _INSTANT.fullmatch(str(int(value))):
        raise Misuse(f"{name} has to be whole Unix seconds in ten digits here")
    return int(value)


def exact(path: str) -> PathScope:
    """The scope that is this one path; Denied(OUT_OF_SCOPE) for a path without a safe normal form."""
    try:
        return PathScope.exact(path)
    except UnsafePath as error:
        raise Denied(Reason.OUT_OF_SCOPE, str(error)) from None


def decoded(path: str) -> bytes:
    """A path's octets without escapes, as nginx hashes them; Denied(OUT_OF_SCOPE) as for `exact`."""
    try:
        return unquote_to_bytes(normalise(path))
    except UnsafePath as error:
        raise Denied(Reason.OUT_OF_SCOPE, str(error)) from None


def address(request: Request) -> str:
    """The viewer's address as text, "" where it is not known; an IPv4-mapped one is the IPv4 address."""
    client = request.client
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return "" if client is None else str(client)


def check_said(said: Claims, wanted: Claims) -> None:
    """Misuse when a token that says `said` would not say all that is wanted.

    Claims without a scope and a rule for URLs leave it to the format what of its URL a token covers.
    """
    bare = replace(wanted, key_id=said.key_id, dialect=said.dialect, extra=said.extra)
    if wanted.scope is None and wanted.urls is None:
        bare = replace(bare, scope=said.scope, urls=said.urls)
    if bare != said:
        different = [name for name in Claims.__slots__ if getattr(bare, name) != getattr(said, name)]
        raise Misuse(f"the format cannot say these as given: {', '.join(different)}")


def one_address(claims: Claims) -> str:
    """The one address that claims name as networks; Misuse for any other networks."""
    networks = claims.networks or ()
    if len(networks) != 1 or networks[0].num_addresses != 1:
        raise Misuse("the format has the client's address, so the claims need one network of one address")
    return str(networks[0].network_address)


class OneText:
    """How a token rides that is one text: by a name, or as whole segments below the mount; part of a dialect."""

    segments: re.Pattern[str] | None = None  # how the text looks as segments, with the slash behind them

    def bound(self, request: Request) -> tuple[str, ...]:
        """What else the hash covers, of a request without the token: path and query, unless a dialect says more."""
        return (request.path, request.query)

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        text, path = self._take(request.path, carriage, mount)
        named = carriage.transports - {Transport.PATH}
        found = None
        if named:
            found = rides.locate(request.at(path, request.query), replace(carriage, transports=named), mount)
        if text is not None:
            if found is not None and found.transport is not Transport.COOKIE:
                raise Denied(Reason.AMBIGUOUS, "more than one token")
            found = Found(Token(text), Transport.PATH, path, request.query)
        return found and replace(found, bound=self.bound(request.at(found.path, found.query)))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        path = self._take(path, carriage, mount)[1]
        named = carriage.transports - {Transport.PATH}
        return rides.strip(path, query, replace(carriage, transports=named), mount) if named else (path, query)

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        if transport is not Transport.PATH:
            return rides.issue(url, token, carriage, mount, transport)
        origin, path = rides.split_origin(url)
        path, base = self._take(path, carriage, mount)[1], mount.rstrip("/") + "/"
        if self.segments is None or transport not in carriage.transports or not path.startswith(base):
            raise Misuse("this token does not ride by path here")
        return Signed(f"{origin}{base}{token.reveal()}/{path.removeprefix(base)}")

    def _take(self, path: str, carriage: Carriage, mount: str) -> tuple[str | None, str]:
        """The text of a path, or None, and the path without it."""
        base = mount.rstrip("/") + "/"
        if self.segments is None or Transport.PATH not in carriage.transports or not path.startswith(base):
            return None, path
        found = self.segments.match(path, len(base))
        return (None, path) if found is None else (found[0][:-1], base + path[found.end() :])


class TimedHash:
    """A dialect whose token is a hash and one instant. What is bound begins with the path and the query.

    A format says how the two are written (`parse`, `compose`), what is hashed (`tag`), and, where it differs from an
    exact path until the instant, what that means (`claims`, `when`, `bound_for`).
    """

    name: str

    def parse(self, token: Token) -> tuple[str, str]:
        """The hash and the instant as they are written; Denied for any other text."""
        raise NotImplementedError

    def compose(self, tag: str, when: str) -> Token:
        """The inverse of `parse`."""
        raise NotImplementedError

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        """The hash as it is written."""
        raise NotImplementedError

    def claims(self, bound: tuple[str, ...], when: str, key_id: str) -> Claims:
        """What a token says; Denied for an instant or a path that is none."""
        return Claims(scope=exact(bound[0]), expires=instant(when), key_id=key_id, dialect=self.name)

    def when(self, claims: Claims) -> str:
        """The instant to write; Misuse for one that cannot be written."""
        return str(whole("expires", claims.expires))

    def bound_for(self, claims: Claims, url: Url) -> tuple[str, ...]:
        """What a hash for these claims covers beside the instant; Misuse where they do not say enough."""
        return (url.path, url.query)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """See `Dialect`."""
        tag, when = self.parse(found.token)
        key = maker(ring, tag, lambda secret: self.tag(secret, found.bound, when))
        return self.claims(found.bound, when, key.id)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """See `Dialect`; Misuse without `url`, too."""
        secret = secret_to_sign(key)
        if url is None:
            raise Misuse("this token is made for a URL")
        when, bound = self.when(claims), self.bound_for(claims, url)
        try:
            token = self.compose(self.tag(secret, bound, when), when)
            self.parse(token)
            check_said(self.claims(bound, when, key.id), claims)
        except Denied as refusal:
            raise Misuse(f"no token can be made: {refusal}") from None
        return token

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """The instant."""
        return (("time", self.parse(found.token)[1]),)


class TimedPair(TimedHash, SeveralNames):
    """A hash and an instant, each a parameter of its own; the hash covers no more of a URL than its path."""

    time_name: str
    shape: re.Pattern[str]  # of the hash

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (carriage.name, self.time_name)

    def bound(self, request: Request) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (request.path, "")

    def parse(self, token: Token) -> tuple[str, str]:
        """See `TimedHash`."""
        tag, when = values(token, (self.time_name,))
        if not self.shape.fullmatch(tag):
            raise Denied(Reason.MALFORMED, "the hash is not as long as it should be, or of other characters")
        return tag, when

    def compose(self, tag: str, when: str) -> Token:
        """See `TimedHash`."""
        return joined((("", tag), (self.time_name, when)))


def octets(*texts: str) -> bytes:
    """Texts joined, in UTF-8; any text at all."""
    return "".join(texts).encode("utf-8", "surrogatepass")
