"""nginx's secure links: a hash over an expression that the operator wrote (ngx_http_secure_link_module).

The expression is copied from `secure_link_md5`, with the secret in it replaced by `$secret`, which stands for a key of
the ring. Variables: `$uri` (the path, decoded), `$directory` (its first `directory_depth` segments with a slash at the
end, decoded: what a regex capture in `location` would hold), `$secure_link_expires`, `$remote_addr`, `$host`,
`$scheme`, `$arg_NAME`. What the expression leaves out is not restricted, so one that names no path is refused.

The modes `hmac-…` are those of the module of nginx-modules: the hash is an HMAC of the expression, and a time of issue
and a lifetime take the place of `expires`. The mode `secret` is `secure_link_secret`: `/<segment>/<md5>/<link>`.

A path that has no safe normal form (`//`, `..`) is refused, where nginx would repair it, and instants have ten digits.
Put a mark between variables of which one could take characters of the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from ipaddress import ip_network

from auth import url_hash
from auth.carriage import Carriage, Found, Signed, Transport, split_origin
from auth.claims import Claims
from auth.encoding import base64url_encode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, digest, mac
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret, Token
from auth.url_hash import SeveralNames

NAME = "secure-link"

_PIECE = re.compile(r"\$(?:\{(?P<braced>[a-z0-9_]+)\}|(?P<plain>[A-Za-z0-9_]+))|(?P<text>[^$]+)")
_VARIABLES = frozenset({"uri", "directory", "secure_link_expires", "remote_addr", "host", "scheme", "secret"})
_ARGUMENT = "arg_"
_HASH = re.compile(r"(?P<bare>[A-Za-z0-9_-]{22,86})={0,2}")
_HEX = re.compile(r"[0-9a-f]{32}")
_DIGITS = re.compile(r"[0-9]{1,11}")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})([+-])([0-9]{2}):([0-9]{2})")
_HTTP = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9:]{8}) GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MAX_DEPTH = 32
_PIECES = 4  # of "/segment/hash/link"


class Mode(StrEnum):
    """How the link is hashed."""

    MD5 = "md5"
    HMAC_MD5 = "hmac-md5"
    HMAC_SHA1 = "hmac-sha1"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA384 = "hmac-sha384"
    HMAC_SHA512 = "hmac-sha512"
    OLD = "secret"


@dataclass(frozen=True, slots=True)
class SecureLinkOptions(Options):
    """Options of `secure-link`."""

    mode: Mode = option(Mode.MD5, "What is made of the expression; `secret` is the old `secure_link_secret`.")
    expression: str = option(
        "$secure_link_expires$uri$remote_addr $secret",
        "What is hashed: the text of `secure_link_md5` or `secure_link_hmac_message`, with `$secret` for the secret.",
    )
    expires_name: str = option("expires", "The parameter of the expiry; in the modes `hmac-…` of the lifetime.")
    timestamp_name: str = option("ts", "The parameter of the time of issue, in the modes `hmac-…`.")
    directory_depth: int = option(0, "How many leading segments of the path `$directory` holds, from 1 to 32.")


@dataclass(frozen=True, slots=True)
class Template:
    """An expression, parsed once: texts and names of variables in turn."""

    pieces: tuple[tuple[bool, str], ...]  # (whether it is a variable, name or text)

    @classmethod
    def parse(cls, expression: str) -> Template:
        """Misuse for a variable that is not known, and for a "$" that begins none."""
        pieces, at = [], 0
        while at < len(expression):
            piece = _PIECE.match(expression, at)
            if piece is None:
                raise Misuse('the expression has a "$" that begins no variable')
            name = piece["braced"] or piece["plain"]
            if name is not None and name not in _VARIABLES and not name.startswith(_ARGUMENT):
                raise Misuse(f"the expression names ${name}, which is not known here")
            is_argument = name is not None and name.startswith(_ARGUMENT)
            pieces.append((name is not None, name.lower() if is_argument else name or piece["text"]))
            at = piece.end()
        return cls(tuple(pieces))

    @property
    def names(self) -> frozenset[str]:
        """Its variables."""
        return frozenset(text for is_variable, text in self.pieces if is_variable)

    def render(self, known: dict[str, bytes]) -> bytes:
        """The octets that it stands for."""
        return b"".join(known[text] if is_variable else text.encode() for is_variable, text in self.pieces)


def secure_link(options: SecureLinkOptions) -> SecureLink | SecretLink:
    """The dialect for these options; Misuse for an expression that would leave something open."""
    return SecretLink() if options.mode is Mode.OLD else SecureLink(options)


class SecureLink(SeveralNames):
    """The dialect `secure-link` with an expression."""

    def __init__(self, options: SecureLinkOptions) -> None:
        """Misuse for an expression that does not hold together with the other options."""
        self._options = options
        self._template = Template.parse(options.expression)
        self._is_hmac = options.mode is not Mode.MD5
        self._using = Hash(options.mode.removeprefix("hmac-"))
        names = self._template.names
        self._own = self._own_names()
        if not names & {"uri", "directory"}:
            raise Misuse("the expression names neither $uri nor $directory, so a link would open everything")
        if ("directory" in names) != (options.directory_depth > 0) or options.directory_depth > _MAX_DEPTH:
            raise Misuse(f"$directory and a directory_depth of 1 to {_MAX_DEPTH} go together")
        if ("secret" in names) is self._is_hmac:
            raise Misuse("$secret belongs into an expression for md5, and into none for an HMAC")
        if self._is_hmac and "secure_link_expires" in names:
            raise Misuse("an HMAC covers its times as $arg_NAME")
        if self._is_hmac and not names >= {_ARGUMENT + name.lower() for name in self._own}:
            raise Misuse("the expression leaves out the time of issue or the lifetime, so anyone could change them")

    def _own_names(self) -> tuple[str, ...]:
        """The token's parameters but the hash."""
        named = self._options.expires_name
        if self._is_hmac:
            return tuple(name for name in (self._options.timestamp_name, named) if name)
        argument = _ARGUMENT + named.lower()
        return (named,) if self._template.names & {"secure_link_expires", argument} else ()

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (carriage.name, *self._own)

    def bound(self, request: Request) -> tuple[str, ...]:
        """The path, and of the rest what the expression names."""
        names, url = self._template.names, Url.of(request)
        has_arguments = any(name.startswith(_ARGUMENT) for name in names)
        return (
            url.path,
            url.query if has_arguments else "",
            url_hash.address(request) if "remote_addr" in names else "",
            url.scheme if "scheme" in names else "",
            url.host if "host" in names else "",
        )

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a link whose hash is right. nginx takes a link through the second that it names."""
        given = url_hash.values(found.token, self._own)
        tag = _HASH.fullmatch(given[0])
        if tag is None:
            raise Denied(Reason.MALFORMED, "the hash is base64url")
        if "remote_addr" in self._template.names and not found.bound[2]:
            raise Denied(Reason.WRONG_NETWORK, "the client's address is not known")
        known = self._known(found.bound, given[1:])
        key = url_hash.maker(ring, tag["bare"], lambda secret: self._hash(secret, known))
        return self._claims(found.bound, given[1:], key.id)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A link for `url`. Of networks it can say one address, if the expression has it; of paths, what it has."""
        secret = url_hash.secret_to_sign(key)
        if url is None:
            raise Misuse("a link is made for a URL")
        client = ""
        if "remote_addr" in self._template.names:
            client = url_hash.one_address(claims)
        bound = (url.path, url.query, client, url.scheme, url.host)
        given = self._times(claims)
        try:
            said, known = self._claims(bound, given, key.id), self._known(bound, given)
        except Denied as refusal:
            raise Misuse(f"no link can be made: {refusal}") from None
        url_hash.check_said(said, claims)
        return url_hash.joined((("", self._hash(secret, known)), *zip(self._own, given, strict=True)))

    def _times(self, claims: Claims) -> tuple[str, ...]:
        if not self._own:
            return ()
        if not self._is_hmac:
            return (str(url_hash.whole("expires", claims.expires) - 1),)
        issued = url_hash.whole("issued_at", claims.issued_at)
        if not self._options.expires_name:
            return (str(issued),)
        return (str(issued), str(url_hash.whole("expires", claims.expires) - 1 - issued))

    def _claims(self, bound: tuple[str, ...], given: tuple[str, ...], key_id: str) -> Claims:
        path, _, client, _, _ = bound
        issued, expires = self._read(given)
        scope = url_hash.exact(path)
        if "uri" not in self._template.names:
            scope = PathScope.prefix(self._directory(path))
        networks = (ip_network(client),) if client and "remote_addr" in self._template.names else None
        return Claims(scope=scope, networks=networks, issued_at=issued, expires=expires, key_id=key_id, dialect=NAME)

    def _read(self, given: tuple[str, ...]) -> tuple[float | None, float | None]:
        """The instants of issue and of the end, the latter excluded."""
        if not given:
            return None, None
        if not self._is_hmac:
            return None, url_hash.instant(given[0]) + 1
        issued = _timestamp(given[0])
        lifetime = _seconds(given[1]) if len(given) > 1 else 0
        return issued, issued + lifetime + 1 if lifetime else None

    def _directory(self, path: str) -> str:
        """The first segments, escapes as they stand, with a slash at the end."""
        segments = url_hash.exact(path).rules[0].pattern.split("/")
        if len(segments) < self._options.directory_depth + 2:
            raise Denied(Reason.OUT_OF_SCOPE, "the path is not as deep as the directory of its link")
        return "/".join(segments[: self._options.directory_depth + 1]) + "/"

    def _known(self, bound: tuple[str, ...], given: tuple[str, ...]) -> dict[str, bytes]:
        """What the variables but `$secret` stand for."""
        path, query, client, scheme, host = bound
        names = self._template.names
        own = {_ARGUMENT + name.lower(): value for name, value in zip(self._own, given, strict=True)}
        texts = {"remote_addr": client, "scheme": scheme, "host": host} | own
        if given and not self._is_hmac:
            texts["secure_link_expires"] = given[0]
        texts |= {name: _argument(query, name) for name in names - own.keys() if name.startswith(_ARGUMENT)}
        octets = {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}
        octets["uri"] = url_hash.decoded(path)
        if "directory" in names:
            octets["directory"] = url_hash.decoded(self._directory(path))
        return octets

    def _hash(self, secret: bytes, known: dict[str, bytes]) -> str:
        message = self._template.render(known | {"secret": secret})
        hashed = mac(Secret(secret), message, self._using) if self._is_hmac else digest(message, self._using)
        return base64url_encode(hashed)


class SecretLink:
    """The dialect `secure-link` in its old mode: `/<one segment>/<md5 in hexadecimal>/<link>`, without an end."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        path, query = self.strip(request.path, request.query, carriage, mount)
        if path == request.path:
            return None
        return Found(Token(request.path.split("/", 3)[2]), Transport.PATH, path, query, (path, query))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        pieces = path.split("/", 3)
        is_there = Transport.PATH in carriage.transports and len(pieces) == _PIECES
        return ("/".join((*pieces[:2], pieces[3])), query) if is_there and _HEX.fullmatch(pieces[2]) else (path, query)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a link whose hash is right: this path, for ever."""
        tag, (path, query) = found.token.reveal(), found.bound
        if not _HEX.fullmatch(tag):
            raise Denied(Reason.MALFORMED, "the hash is 32 hexadecimal digits in lower case")
        link = _link(path, query)
        key = url_hash.maker(ring, tag, lambda secret: digest(link + secret, Hash.MD5).hex())
        return Claims(scope=url_hash.exact(path), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A link for `url`, which is all that it can say."""
        secret = url_hash.secret_to_sign(key)
        if url is None:
            raise Misuse("a link is made for a URL")
        try:
            url_hash.check_said(Claims(scope=url_hash.exact(url.path)), claims)
            return Token(digest(_link(url.path, url.query) + secret, Hash.MD5).hex())
        except Denied as refusal:
            raise Misuse(f"no link can be made: {refusal}") from None

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        if transport is not Transport.PATH or transport not in carriage.transports:
            raise Misuse(f"this token does not ride by {transport}")
        origin, path = split_origin(url)
        path = self.strip(path, "", carriage, mount)[0]
        _, first, *link = path.split("/", 2)
        return Signed(f"{origin}/{first}/{token.reveal()}/{''.join(link)}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Nothing but what it is."""
        if not _HEX.fullmatch(found.token.reveal()):
            raise Denied(Reason.MALFORMED, "the hash is 32 hexadecimal digits in lower case")
        return (("mode", Mode.OLD.value),)


def _link(path: str, query: str) -> bytes:
    """What nginx hashes: what follows the first segment, as it was sent, with the query."""
    link = path.split("/", 2)[-1] + ("?" + query if query else "")
    return link.encode("utf-8", "surrogatepass")


def _argument(query: str, name: str) -> str:
    """`$arg_NAME`: the raw value, names without regard to case; Denied(AMBIGUOUS) for two."""
    wanted = name.removeprefix(_ARGUMENT)
    pieces = (piece.partition("=") for piece in query.split("&"))
    found = [value for known, _, value in pieces if known.lower() == wanted]
    if len(found) > 1:
        raise Denied(Reason.AMBIGUOUS, "a parameter that the link covers is there twice")
    return found[0] if found else ""


def _seconds(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise Denied(Reason.MALFORMED, "a link's time is decimal seconds")
    return int(text)


def _timestamp(text: str) -> int:
    """Unix seconds, ISO 8601 with an offset, or an HTTP date (RFC 9110 §5.6.7)."""
    if _DIGITS.fullmatch(text):
        return url_hash.instant(text)
    try:
        plain = percent_decode(text)
        if (iso := _ISO.fullmatch(plain)) is not None:
            return int(_from_iso(*iso.groups()).timestamp())
        if (http := _HTTP.fullmatch(plain)) is not None:
            day, month, year, clock = http.groups()
            hour, minute, second = map(int, clock.split(":"))
            moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
            return int(moment.timestamp())
    except (ValueError, OverflowError):
        pass
    raise Denied(Reason.MALFORMED, "the time of issue is Unix seconds, ISO 8601 with an offset, or an HTTP date")


def _from_iso(*groups: str) -> datetime:
    year, month, day, hour, minute, second = map(int, groups[:6])
    offset = timedelta(hours=int(groups[7]), minutes=int(groups[8]))
    zone = timezone(offset if groups[6] == "+" else -offset)
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)
