"""URLs, URL prefixes and cookies as Google's CDNs sign them: what Cloud CDN and Media CDN have in common.

    one URL    https://host/a.ts?Expires=…&KeyName=…&Signature=…    the whole URL before "&Signature" is signed
    a prefix   …?URLPrefix=…&Expires=…&KeyName=…&Signature=…        the three parameters before it are signed
    a cookie   URLPrefix=…:Expires=…:KeyName=…:Signature=…          the same, joined by ":"

Values are base64url; a prefix is a URL without a query. At `Expires` (Unix seconds) itself, a token has expired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from auth.carriage import Found, Signed, Transport
from auth.claims import MAX_TIME, Claims
from auth.encoding import base64url_decode, base64url_padded, base64url_padded_decode, percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.request import Pairs, Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes, UrlRule
from auth.secret import Token

NAMES = ("URLPrefix", "Expires", "KeyName", "Signature")
MAX_TOKEN = 4096

_STATEMENT = re.compile(
    r"(?P<signed>(?:URLPrefix=(?P<prefix>[A-Za-z0-9_-]+={0,2})(?P<mark>[&:]))?"
    r"Expires=(?P<expires>[0-9]{1,16})(?P<joint>[&:])KeyName=(?P<key>[A-Za-z0-9_.-]{1,128}))"
    r"(?P<last>[&:])Signature=(?P<signature>[A-Za-z0-9_-]{1,200}={0,2})"
)


class Form(StrEnum):
    """What a statement stands in, which decides what is signed."""

    URL = "url"
    PREFIX = "prefix"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed statement in parts, none of them to be believed before its signature holds."""

    signed: str  # the parameters before the signature, as they are signed
    prefix: str | None  # still encoded
    expires: str
    key_id: str
    signature: str  # still encoded

    def rule(self, url: str) -> UrlRule:
        """The URLs that it opens; `url` is the one it came with. Denied(MALFORMED) for a prefix that is none."""
        return ExactUrl(url) if self.prefix is None else UrlPrefixes((read_prefix(self.prefix),))

    def ends(self) -> int:
        """Unix seconds."""
        if int(self.expires) > MAX_TIME:
            raise Denied(Reason.MALFORMED, "Expires is a number of seconds from 0 to 2^53")
        return int(self.expires)


def parse_statement(text: str, joint: str) -> Statement:
    """A statement whose parts are joined by `joint`, in Google's order. Denied(MALFORMED) for any other text."""
    found = _STATEMENT.fullmatch(text) if len(text) <= MAX_TOKEN else None
    if found is None or {found["joint"], found["last"], found["mark"] or joint} != {joint}:
        raise Denied(Reason.MALFORMED, "a signature has URLPrefix (if any), Expires, KeyName and Signature")
    return Statement(found["signed"], found["prefix"], found["expires"], found["key"], found["signature"])


def message_of(statement: Statement, form: Form, url: str) -> bytes:
    """The octets that are signed. Denied(MALFORMED) for a statement that has another form."""
    if (statement.prefix is None) is not (form is Form.URL):
        raise Denied(Reason.MALFORMED, "a prefix is signed in parameters of its own or a cookie, a URL by itself")
    if form is not Form.URL:
        return statement.signed.encode("ascii")
    try:
        return f"{url}{'&' if '?' in url else '?'}{statement.signed}".encode()
    except UnicodeEncodeError:
        raise Denied(Reason.MALFORMED, "a URL is Unicode text") from None


def read_prefix(text: str) -> str:
    """The URL that a `URLPrefix` begins with, its padding given or left out."""
    try:
        decoded = base64url_padded_decode(text) if "=" in text else base64url_decode(text)
        prefix = decoded.decode("ascii")
        Url.parse(prefix)
    except (ValueError, UnicodeError):
        raise Denied(Reason.MALFORMED, "URLPrefix is a URL in base64url") from None
    if not prefix.isprintable() or not prefix.startswith(("http://", "https://")) or {"?", "#"} & set(prefix):
        raise Denied(Reason.MALFORMED, "URLPrefix is a URL of http or https without a query")
    return prefix


def prefix_of(claims: Claims) -> str | None:
    """The one prefix that claims are for; None when they are not for a prefix."""
    if not isinstance(claims.urls, UrlPrefixes):
        return None
    if len(claims.urls.prefixes) != 1:
        raise Misuse("a signature is for one URL prefix")
    prefix = claims.urls.prefixes[0]
    try:
        if read_prefix(base64url_padded(prefix.encode())) == prefix:
            return prefix
    except Denied:
        pass
    raise Misuse("a prefix is an absolute URL without a query")


def write_statement(claims: Claims, key_id: str, form: Form) -> str:
    """The parameters to be signed. Misuse for claims that say more than they can."""
    expires = claims.expires
    if expires is None or expires != int(expires) or not 0 <= expires <= MAX_TIME:
        raise Misuse("a signature has an end in whole Unix seconds")
    said = Claims(expires=expires, urls=claims.urls, key_id=claims.key_id, dialect=claims.dialect)
    if said != claims:
        raise Misuse("a signature says a URL or a prefix, and when it ends, and nothing else")
    prefix = prefix_of(claims)
    pieces = [] if prefix is None else [f"URLPrefix={base64url_padded(prefix.encode())}"]
    pieces += [f"Expires={int(expires)}", f"KeyName={key_id}"]
    return (":" if form is Form.COOKIE else "&").join(pieces)


def url_to_sign(claims: Claims, url: Url | None) -> str:
    """The one URL that claims are for. Misuse when they are for another than `url`, or for none."""
    if not isinstance(claims.urls, ExactUrl) or (url is not None and url.text != claims.urls.url):
        raise Misuse("a signature is for the URL that is signed")
    return claims.urls.url


def take_parameters(query: str) -> tuple[Pairs, str]:
    """The parameters of a signature, values still encoded, and the query without them.

    Without a `Signature` there are none: the other names are not Google's alone.
    """
    taken: list[tuple[str, str]] = []
    kept: list[str] = []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        plain = unquote(name) if "%" in name else name
        if plain in NAMES:
            taken.append((plain, value))
        else:
            kept.append(piece)
    if all(name != "Signature" for name, _ in taken):
        return (), query
    return tuple(taken), "&".join(kept)


def locate_parameters(request: Request) -> Found | None:
    """A signature in the query; bound are its form and, where it is for one URL, that URL."""
    parts, query = take_parameters(request.query)
    if not parts:
        return None
    if len({name for name, _ in parts}) != len(parts):
        raise Denied(Reason.AMBIGUOUS, "a parameter of the signature is there more than once")
    try:
        values = {name: percent_decode(value) for name, value in parts}
    except (UnicodeError, ValueError):
        raise Denied(Reason.MALFORMED, "the signature's percent-encoding is broken") from None
    text = "&".join(f"{name}={values[name]}" for name in NAMES if name in values)
    is_prefix = "URLPrefix" in values
    url = "" if is_prefix else Url.of(request.at(request.path, query)).text
    bound = (Form.PREFIX.value if is_prefix else Form.URL.value, url)
    return Found(Token(text), Transport.QUERY, request.path, query, bound, parts)


def issue_parameters(url: str, token: Token) -> Signed:
    """`url` with a signature on it, in place of any that it carried; its fragment stays."""
    before, hash_mark, fragment = url.partition("#")
    path, _, query = before.partition("?")
    query = take_parameters(query)[1]
    joined = f"{query}&{token.reveal()}" if query else token.reveal()
    return Signed(f"{path}?{joined}{hash_mark}{fragment}")


def issue_cookie(url: str, name: str, token: Token) -> Signed:
    """`url`, and the cookie to send with it."""
    return Signed(url, cookies=((name, quote(token.reveal(), safe=":=")),))


def described(statement: Statement) -> Pairs:
    """What a statement says of itself."""
    said = [("KeyName", statement.key_id), ("Expires", statement.expires)]
    if statement.prefix is not None:
        said.append(("URLPrefix", read_prefix(statement.prefix)[:200]))
    return tuple(said)
