"""The fields of Media CDN's tokens: what is written, what is signed, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from auth.claims import MAX_ITEMS, MAX_TIME, Claims, Network, read_network, read_text
from auth.edge_acl import read_patterns, write_patterns
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.request import Pairs, Request
from auth.rules.url import UrlPrefixes
from auth.scope import PathScope, Rule, UnsafePath
from auth.signed_urls import prefix_of, read_prefix

MAX_TOKEN = 4096

# The names that a field goes by → its own.
_NAMES = {
    "FullPath": "FullPath",
    "PathGlobs": "PathGlobs",
    "paths": "PathGlobs",
    "acl": "PathGlobs",
    "URLPrefix": "URLPrefix",
    "Starts": "Starts",
    "st": "Starts",
    "Expires": "Expires",
    "exp": "Expires",
    "SessionID": "SessionID",
    "id": "SessionID",
    "Data": "Data",
    "data": "Data",
    "payload": "Data",
    "Headers": "Headers",
    "IPRanges": "IPRanges",
}
_OPENERS = ("FullPath", "PathGlobs", "URLPrefix")
_TOKEN = re.compile(
    r"(?P<signed>.+)~(?:Signature=(?P<signature>[A-Za-z0-9_-]{1,200})|hmac=(?P<mac>[0-9a-f]{1,128}))", re.DOTALL
)
_TIME = re.compile(r"[0-9]{1,16}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|-]{1,64}")
_GLOB_JOINTS = re.compile(r"[,!]")
_HEADERS = "Headers="
_SHOWN_CHARS = 60


class Seal(StrEnum):
    """What closes a token."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA1 = "hmac-sha1"


_MAC_DIGITS = {Seal.HMAC_SHA256: 64, Seal.HMAC_SHA1: 40}


@dataclass(frozen=True, slots=True)
class MediaToken:
    """A token in parts, not to be believed before its seal holds."""

    signed: str
    seal: str
    is_mac: bool

    def fits(self, seal: Seal) -> bool:
        """Whether that algorithm may have closed it."""
        return (
            len(self.seal) == _MAC_DIGITS[seal]
            if seal in _MAC_DIGITS and self.is_mac
            else (seal is Seal.ED25519 and not self.is_mac)
        )

    def message(self, path: str, values: tuple[str, ...]) -> bytes:
        """The octets that are signed: path and header values stand where the token only names them.

        Denied(MALFORMED) for a value with a tilde in it: it could say what were fields when the token was sealed.
        """
        if any("~" in value for value in (path, *values)):
            raise Denied(Reason.MALFORMED, "what a token is signed with has no tilde")
        pieces = []
        for piece in self.signed.split("~"):
            if piece == "FullPath":
                pieces.append(f"FullPath={path}")
            elif piece.startswith(_HEADERS):
                names = _header_names(piece)
                if len(names) != len(values):
                    raise Denied(Reason.MALFORMED, "Headers are named once")
                pairs = (f"{name}={value}" for name, value in zip(names, values, strict=True))
                pieces.append(_HEADERS + ",".join(pairs))
            else:
                pieces.append(piece)
        try:
            return "~".join(pieces).encode()
        except UnicodeEncodeError:
            raise Denied(Reason.MALFORMED, "a token is Unicode text") from None

    def claims(self, path: str) -> Claims:
        """What the fields mean. Denied for one that is not known or not understood."""
        fields = _split(self.signed)
        if len([name for name in _OPENERS if name in fields]) != 1:
            raise Denied(Reason.MALFORMED, "one of FullPath, PathGlobs and URLPrefix says what a token opens")
        return Claims(
            not_before=_time("Starts", fields),
            expires=_time("Expires", fields),
            session_id=read_text("SessionID", fields["SessionID"]) if "SessionID" in fields else None,
            scope=_scope(fields, path),
            urls=UrlPrefixes((read_prefix(fields["URLPrefix"]),)) if "URLPrefix" in fields else None,
            networks=_networks(fields["IPRanges"]) if "IPRanges" in fields else None,
            extra=(("Data", read_text("Data", fields["Data"])),) if "Data" in fields else (),
        )


@dataclass(frozen=True, slots=True)
class Written:
    """A token without its seal, and what is to be signed."""

    text: str
    message: str


def parse(text: str) -> MediaToken:
    """A token in parts; Denied(MALFORMED) for any other text."""
    found = _TOKEN.fullmatch(text) if len(text) <= MAX_TOKEN else None
    if found is None:
        raise Denied(Reason.MALFORMED, "the fields of a token end with its Signature or hmac")
    is_mac = found["mac"] is not None
    return MediaToken(found["signed"], found["mac"] if is_mac else found["signature"], is_mac)


def needs(text: str) -> tuple[bool, tuple[str, ...]]:
    """Whether a token is signed with the path asked for, and the names of the header fields that it is signed with."""
    pieces = text.split("~")
    headers = [piece for piece in pieces if piece.startswith(_HEADERS)]
    return "FullPath" in pieces, _header_names(headers[0]) if headers else ()


def value_of(request: Request, name: str) -> str:
    """The value of the one header field of that name. Denied(WRONG_HEADER) when there is none, or several."""
    values = request.fields(name.lower())
    if len(values) != 1:
        raise Denied(Reason.WRONG_HEADER, "a header field that the token is signed with is not there once")
    return values[0]


def write(claims: Claims, path: str) -> Written:
    """The fields for claims, which open `path` itself where they name it alone. Misuse when they cannot be said."""
    pieces = [_opener(claims, path), *_pieces(claims)]
    if any("~" in piece for piece in pieces):
        raise Misuse("a field has no tilde")
    text = "~".join(pieces)
    unsealed = MediaToken(text, "", is_mac=False)
    try:
        said = unsealed.claims(path)
        message = unsealed.message(path, ()).decode()
    except Denied as error:
        raise Misuse(f"the claims cannot be minted: {error}") from None
    if replace(said, scope=claims.scope, key_id=claims.key_id, dialect=claims.dialect) != claims:
        raise Misuse("these claims would not be read back as they are")
    if claims.not_before is not None and claims.expires is not None and claims.expires <= claims.not_before:
        raise Misuse("the token would expire before it begins")
    return Written(text, message)


def described(token: MediaToken) -> Pairs:
    """Every field but the seal, each value shortened."""
    return tuple((name, value[:_SHOWN_CHARS]) for name, value in _split(token.signed).items())


def _split(signed: str) -> dict[str, str]:
    """The fields by their own names; Denied for one that is there twice, under whatever name, or is not known."""
    fields: dict[str, str] = {}
    for piece in signed.split("~"):
        given, joint, value = piece.partition("=")
        name = _NAMES.get(given)
        if name is None:
            raise Denied(Reason.UNSUPPORTED, "a field may restrict the token in a way that is not enforced here")
        if name in fields or (name == "FullPath") is bool(joint) or not value.isprintable():
            raise Denied(Reason.MALFORMED, "fields are name=value, each once, and FullPath alone")
        fields[name] = value
    return fields


def _header_names(piece: str) -> tuple[str, ...]:
    names = tuple(piece.removeprefix(_HEADERS).split(","))
    if len(names) > MAX_ITEMS or not all(map(_FIELD_NAME.fullmatch, names)):
        raise Denied(Reason.MALFORMED, "Headers are names of header fields")
    return names


def _time(name: str, fields: dict[str, str]) -> float | None:
    text = fields.get(name)
    if text is None:
        return None
    if not _TIME.fullmatch(text) or int(text) > MAX_TIME:
        raise Denied(Reason.MALFORMED, f"{name} is a number of seconds from 0 to 2^53")
    return int(text)


def _scope(fields: dict[str, str], path: str) -> PathScope | None:
    try:
        if "FullPath" in fields:
            return PathScope.exact(path)
        if "PathGlobs" in fields:
            return read_patterns(_GLOB_JOINTS.split(fields["PathGlobs"]))
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, f"FullPath or PathGlobs: {error}") from None
    return None


def _networks(text: str) -> tuple[Network, ...]:
    """Google's own samples have a block that is none, so one such holds no client instead of spoiling the rest."""
    try:
        blocks = base64url_decode(text).decode("ascii").split(",")
    except (ValueError, UnicodeError):
        raise Denied(Reason.MALFORMED, "IPRanges are base64url") from None
    if len(blocks) > MAX_ITEMS:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {MAX_ITEMS} IPRanges")
    return tuple(_readable_networks(blocks))


def _readable_networks(blocks: list[str]) -> Iterator[Network]:
    for block in blocks:
        try:
            yield read_network("IPRanges", block)
        except Denied:
            continue


def _opener(claims: Claims, path: str) -> str:
    if claims.scope is None:
        prefix = prefix_of(claims)
        if prefix is None:
            raise Misuse("a token is for paths or for a URL prefix")
        return f"URLPrefix={base64url_encode(prefix.encode())}"
    if claims.urls is not None:
        raise Misuse("a token is for paths or for a URL prefix, not both")
    if path and claims.scope.patterns(Rule.EXACT) == (path,) and len(claims.scope.rules) == 1:
        return "FullPath"
    return "PathGlobs=" + ",".join(write_patterns(claims.scope, ",!~"))


def _pieces(claims: Claims) -> Iterator[str]:
    for name, instant in (("Starts", claims.not_before), ("Expires", claims.expires)):
        if instant is not None:
            if not 0 <= instant <= MAX_TIME:
                raise Misuse("times are Unix seconds")
            yield f"{name}={int(instant)}"
    if claims.session_id is not None:
        yield f"SessionID={claims.session_id}"
    for name, value in claims.extra:
        yield f"{name}={value}"
    if claims.networks is not None:
        yield "IPRanges=" + base64url_encode(",".join(map(str, claims.networks)).encode())
