"""Akamai's edge authorisation tokens, version 2.0.

Fields `name=value`, joined by "~" and closed by their HMAC:

    ip     the one client address that the token is for
    st     when it begins, in Unix seconds
    exp    when it ends, in Unix seconds; at that second it has ended
    acl    path patterns joined by "!": "*" stands for anything, "?" for one character that is no slash
    id     the session, by which it can be revoked
    data   words of the issuer's own
    hmac   over all the fields before it, in lower-case hexadecimal

A token without `acl` is for one URL, which is not in the token but in what is hashed (`url=`); an agreed salt is hashed
last (`salt=`). Keys are shared secrets: the octets that Akamai's configuration shows in hexadecimal.

A field that is not in this list is refused unless an option says that such fields restrict nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote, quote_plus, unquote

from auth import carriage as rides
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport
from auth.claims import MAX_EXTRA, MAX_TIME, Claims, Network, read_network, read_text
from auth.dialects.dialect import OneName
from auth.edge_acl import read_patterns, write_patterns
from auth.encoding import percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import Url
from auth.scope import PathScope, UnsafePath
from auth.secret import Secret, Token

NAME = "akamai"
CARRIAGE = Carriage("hdnts", frozenset({Transport.QUERY, Transport.HEADER, Transport.COOKIE}), "hdnts")
MAX_TOKEN = 4096

_TOKEN = re.compile(r"(?P<signed>.+)~hmac=(?P<mac>[0-9a-f]+)", re.DOTALL)
_FIELD = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]{0,31})=(?P<value>.*)", re.DOTALL)
_KNOWN = ("ip", "st", "exp", "acl", "id", "data")
# In a token they would let a URL that was signed with "~acl=" in it be taken for fields.
_HASHED_ONLY = frozenset({"url", "salt"})
_ESCAPED = ("ip", "id", "data")
_TIME = re.compile(r"[0-9]{1,16}")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_SHOWN_CHARS = 60


class Mac(StrEnum):
    """Which HMAC closes a token."""

    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"


@dataclass(frozen=True, slots=True)
class AkamaiOptions(Options):
    """What an edge configuration and its token generators have agreed on."""

    hmac: Mac = option(Mac.SHA256, "The hash of the HMAC.")
    salt: Secret | None = option(None, "A secret text that is hashed after the token's fields.")
    escape_early: bool = option(False, "Whether ip, id, data and the URL are percent-encoded before they are hashed.")
    url_query: bool = option(True, "Whether the URL of a token without acl was hashed with its query.")
    unknown_fields: bool = option(False, "Whether fields that this gateway does not know restrict nothing.")


class Akamai(OneName):
    """The dialect `akamai`."""

    def __init__(self, options: AkamaiOptions) -> None:
        """A dialect with these options."""
        self._options = options

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. Bound are the URL, where the token does not name paths, and the token as it was sent.

        Generators that escape early put their tokens into URLs as they are, so what looks like an escape may be signed.
        """
        found = rides.locate(request, carriage, mount)
        if found is None:
            return None
        target = "" if _names_paths(found.token) else self._target(found.path, found.query)
        return replace(found, bound=(target, _as_sent(request, carriage, found)))

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token whose HMAC holds."""
        target, sent = found.bound or ("", "")
        failure = Denied(Reason.MALFORMED, "the fields of a token end with its hmac")
        for text in (found.token.reveal(), sent):
            matched = _TOKEN.fullmatch(text) if len(text) <= MAX_TOKEN else None
            if matched is None:
                continue
            names_paths = _names_paths(Token(text))
            if not names_paths and not target:
                failure = Denied(Reason.MALFORMED, "a token without acl is for a URL")
                continue
            key = self._key_of(matched["signed"], matched["mac"], "" if names_paths else target, ring)
            if key is not None:
                return self._claims(matched["signed"], target, key)
            failure = Denied(Reason.BAD_SIGNATURE if ring.candidates(Algorithm.SHARED) else Reason.UNKNOWN_KEY)
        raise failure

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token with `acl` for claims with a scope, and for one URL otherwise. Misuse when it cannot say them.

        A prefix becomes two patterns that cover the same paths.
        """
        if not isinstance(key.signing, Secret) or key.algorithm is not Algorithm.SHARED:
            raise Misuse("Akamai's tokens are signed with a shared secret")
        _check_sayable(claims)
        target = "" if claims.scope is not None else self._target_of(claims, url)
        signed = "~".join(f"{name}={value}" for name, value in self._fields(claims))
        said = self._readable(signed, target, key)
        wanted = replace(claims, key_id=key.id, dialect=NAME, scope=None, urls=None)
        if replace(said, scope=None, urls=None) != wanted:
            raise Misuse("these claims would not be read back as they are")
        message = next(self._messages(signed, target))
        return Token(f"{signed}~hmac={self._mac(key.signing, message)}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Every field but the last, each value shortened."""
        text = found.token.reveal()
        matched = _TOKEN.fullmatch(text) if len(text) <= MAX_TOKEN else None
        if matched is None:
            raise Denied(Reason.MALFORMED, "the fields of a token end with its hmac")
        return tuple((name, _shown(value)) for name, value in _split(matched["signed"]).items())

    def _target(self, path: str, query: str) -> str:
        return PathAndQuery.of(path, query if self._options.url_query else "").target

    def _target_of(self, claims: Claims, url: Url | None) -> str:
        rule = claims.urls
        target = "" if url is None else self._target(url.path, url.query)
        if not isinstance(rule, PathAndQuery) or target not in {"", rule.target}:
            raise Misuse("a token says paths, or the path and query of the one URL that it is for")
        return rule.target

    def _messages(self, signed: str, target: str) -> Iterator[bytes]:
        """What may have been hashed; the first is what we hash ourselves."""
        salt = b"" if self._options.salt is None else b"~salt=" + self._options.salt.reveal()
        for url in _spellings(target, self._options.escape_early):
            yield _octets(signed + (f"~url={url}" if target else "")) + salt

    def _mac(self, secret: Secret, message: bytes) -> str:
        return mac(secret, message, Hash(self._options.hmac)).hex()

    def _key_of(self, signed: str, given: str, target: str, ring: KeyRing) -> Key | None:
        """The key that made the HMAC: the current one and those before it are tried."""
        messages = tuple(self._messages(signed, target))
        for key in ring.candidates(Algorithm.SHARED):
            secret = key.verifying
            if isinstance(secret, Secret) and any(same(self._mac(secret, message), given) for message in messages):
                return key
        return None

    def _claims(self, signed: str, target: str, key: Key) -> Claims:
        fields = _split(signed)
        if not _HASHED_ONLY.isdisjoint(fields):
            raise Denied(Reason.MALFORMED, "url and salt are hashed and never sent")
        unknown = [(name, value) for name, value in fields.items() if name not in _KNOWN]
        if unknown and not self._options.unknown_fields:
            raise Denied(Reason.UNSUPPORTED, "a field may restrict the token in a way that is not enforced here")
        plain = {name: self._plain(fields[name]) for name in _ESCAPED if name in fields}
        extra = [("data", plain["data"])] if "data" in plain else []
        return Claims(
            not_before=_time("st", fields),
            expires=_time("exp", fields),
            session_id=read_text("id", plain["id"]) if "id" in plain else None,
            networks=(_address(plain["ip"]),) if "ip" in plain else None,
            scope=_scope(fields["acl"]) if "acl" in fields else None,
            urls=PathAndQuery(target) if "acl" not in fields else None,
            key_id=key.id,
            dialect=NAME,
            extra=tuple((name, read_text("data", value)) for name, value in extra)
            + tuple((name, _shown(value)) for name, value in unknown[: MAX_EXTRA - 1]),
        )

    def _readable(self, signed: str, target: str, key: Key) -> Claims:
        try:
            return self._claims(signed, target, key)
        except Denied as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None

    def _plain(self, value: str) -> str:
        if not self._options.escape_early:
            return value
        try:
            return percent_decode(value.replace("+", " "))
        except (UnicodeError, ValueError):
            raise Denied(Reason.MALFORMED, "a field's percent-encoding is broken") from None

    def _fields(self, claims: Claims) -> Iterator[tuple[str, str]]:
        """The fields in the order in which Akamai's generators write them."""
        early = self._options.escape_early
        data = dict(claims.extra).get("data")
        said = {
            "ip": None if claims.networks is None else str(claims.networks[0].network_address),
            "st": None if claims.not_before is None else str(int(claims.not_before)),
            "exp": None if claims.expires is None else str(int(claims.expires)),
            "acl": None if claims.scope is None else "!".join(write_patterns(claims.scope, "!~")),
            "id": claims.session_id,
            "data": data,
        }
        for name, value in said.items():
            if value is not None:
                spelt = next(_spellings(value, early)) if name in _ESCAPED else value
                if "~" in spelt:
                    raise Misuse("a field has no tilde")
                yield name, spelt


def _names_paths(token: Token) -> bool:
    return "~acl=" in "~" + token.reveal()


def _as_sent(request: Request, carriage: Carriage, found: Found) -> str:
    """The token's text before percent-decoding; empty where that is the same, or no token at all."""
    match found.transport:
        case Transport.QUERY:
            pairs = (piece.partition("=")[::2] for piece in request.query.split("&"))
            values = [value for name, value in pairs if unquote(name) == carriage.name]
        case Transport.COOKIE:
            values = [value for name, value in request.cookies if name == carriage.name]
        case _:
            values = []
    text = values[0] if values else ""
    return text if "~hmac=" in text and text != found.token.reveal() else ""


def _spellings(text: str, escape_early: bool) -> Iterator[str]:
    """A text as generators hash it: as it is, or escaped as those in Python and in JavaScript do it."""
    if not escape_early:
        yield text
        return
    spellings = (quote_plus(text), quote(text, safe="!()").replace("~", "%7e"))
    yield from dict.fromkeys(_ESCAPE.sub(lambda escape: escape[0].lower(), each) for each in spellings)


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Denied(Reason.MALFORMED, "a token is Unicode text") from None


def _split(signed: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for piece in signed.split("~"):
        field = _FIELD.fullmatch(piece)
        if field is None or field["name"] in fields:
            raise Denied(Reason.MALFORMED, "fields are name=value, each once")
        fields[field["name"]] = field["value"]
    return fields


def _time(name: str, fields: dict[str, str]) -> float | None:
    text = fields.get(name)
    if text is None:
        return None
    if not _TIME.fullmatch(text) or int(text) > MAX_TIME:
        raise Denied(Reason.MALFORMED, f"{name} is a number of seconds from 0 to 2^53")
    return int(text)


def _address(text: str) -> Network:
    if "/" in text:
        raise Denied(Reason.MALFORMED, "ip is one address")
    return read_network("ip", text)


def _scope(acl: str) -> PathScope:
    try:
        return read_patterns(acl.split("!"))
    except UnsafePath as error:
        raise Denied(Reason.MALFORMED, f"acl: {error}") from None


def _check_sayable(claims: Claims) -> None:
    """Misuse for what has no field; what has one is read back before it is signed."""
    if any(name != "data" for name, _ in claims.extra):
        raise Misuse("of one's own words a token has data alone")
    if claims.networks is not None and (
        len(claims.networks) != 1 or claims.networks[0].prefixlen != claims.networks[0].max_prefixlen
    ):
        raise Misuse("a token is for one client address")
    if claims.not_before is not None and claims.expires is not None and claims.expires <= claims.not_before:
        raise Misuse("the token would expire before it begins")
    if claims.scope is not None and claims.urls is not None:
        raise Misuse("a token says paths or a URL, not both")
    for instant in (claims.not_before, claims.expires):
        if instant is not None and not 0 <= instant <= MAX_TIME:
            raise Misuse("times are Unix seconds")


def _shown(value: str) -> str:
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
    return printable if len(printable) <= _SHOWN_CHARS else printable[:_SHOWN_CHARS] + "…"
