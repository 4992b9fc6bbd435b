"""URLs for the function `is_timed_hmac_valid_v0` of Cloudflare's rules: `/path?verify=<issued>-<mac>`.

The MAC is HMAC-SHA256 over the path, the rest of the query and the time of issue; for how long a URL is good, the rule
says and not the URL. The parameter ends the query, for what stood behind it would not be signed. A host is not signed.
With the option `segments` a rule signs only the beginning of the path, and a URL's token is good for all below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from auth import carriage as rides
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.encoding import base64_decode, base64_encode, base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules.url import Url
from auth.rules.wildcards import UrlWildcards
from auth.scope import PathScope, UnsafePath
from auth.secret import Secret, Token

NAME = "cloudflare"
CARRIAGE = Carriage("verify", frozenset({Transport.QUERY}))

_TEXT = re.compile(r"(?P<issued>[0-9]{10})-(?P<mac>[A-Za-z0-9+/=_-]{43,44})")
_LEAST, _MOST = 10**9, 10**10  # ten digits


@dataclass(frozen=True, slots=True)
class CloudflareOptions(Options):
    """Options of `cloudflare`."""

    ttl: int = option(10_800, "For how many seconds after its issue a URL is good, as the rule says.")
    url_safe: bool = option(default=False, meaning="The MAC is base64url without padding (the rule's flag `s`).")
    segments: int = option(0, "How many of the path's first segments are signed; 0: the whole URL.")
    separator: str = option("", "What of the separator before the time is signed, where the rule counts it shorter.")

    def __post_init__(self) -> None:
        if self.ttl <= 0:
            raise Misuse("ttl: is a positive number of seconds")
        if self.segments < 0:
            raise Misuse("segments: is not negative")


class Cloudflare:
    """The dialect `cloudflare`."""

    def __init__(self, options: CloudflareOptions) -> None:
        self._options = options

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        found = rides.locate(request, carriage, mount)
        if found is None:
            return None
        if unquote(request.query.rpartition("&")[2].partition("=")[0]) != carriage.name:
            raise Denied(Reason.MALFORMED, f"{carriage.name} is the last parameter of the query")
        return replace(found, bound=(found.path, found.query))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return rides.strip(path, query, carriage, mount)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic URL. One from the future has not begun yet."""
        issued, given = self._parse(found.token)
        if len(found.bound) != 2:
            raise Denied(Reason.MALFORMED, "the URL is missing")
        path, query = found.bound
        message = self._message(path, query, issued)
        candidates = ring.candidates(Algorithm.SHARED)
        if not candidates:
            raise Denied(Reason.UNKNOWN_KEY, "no shared secret")
        for key in candidates:
            if isinstance(key.verifying, Secret) and same(mac(key.verifying, message, Hash.SHA256), given):
                return replace(self._claims(path, query, int(issued)), key_id=key.id, dialect=NAME)
        raise Denied(Reason.BAD_SIGNATURE)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for `url`, issued `ttl` seconds before the claims expire. Misuse for claims that say more."""
        if key.algorithm is not Algorithm.SHARED or not isinstance(key.signing, Secret):
            raise Misuse(f"key {key.id} cannot sign here: a shared secret is needed")
        if url is None or claims.expires is None:
            raise Misuse("a URL and an end are needed")
        issued = claims.expires - self._options.ttl
        if not _LEAST <= issued < _MOST or issued != int(issued):
            raise Misuse("the time of issue has ten digits")
        try:
            said = self._claims(url.path, url.query, int(issued))
            message = self._message(url.path, url.query, str(int(issued)))
        except Denied as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        filled = replace(
            claims, scope=claims.scope or said.scope, urls=claims.urls or said.urls, key_id=None, dialect=""
        )
        if replace(filled, issued_at=said.issued_at) != said or claims.issued_at not in {None, issued}:
            raise Misuse(
                f"a URL of this format is good for itself and for {self._options.ttl} seconds, and says no more"
            )
        encode = base64url_encode if self._options.url_safe else base64_encode
        return Token(f"{int(issued)}-{encode(mac(key.signing, message, Hash.SHA256))}")

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        return rides.issue(url, token, carriage, mount, transport)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """When it was issued, and until when the rule lets it be good."""
        issued, _ = self._parse(found.token)
        return (("issued", issued), ("expires", str(int(issued) + self._options.ttl)))

    def _parse(self, token: Token) -> tuple[str, bytes]:
        found = _TEXT.fullmatch(token.reveal())
        decode = base64url_decode if self._options.url_safe else base64_decode
        try:
            if found is None:
                raise ValueError  # noqa: TRY301
            return found["issued"], decode(found["mac"])
        except ValueError:
            raise Denied(Reason.MALFORMED, "a token is ten digits, a hyphen and a MAC in base64") from None

    def _message(self, path: str, query: str, issued: str) -> bytes:
        whole = path + (f"?{query}" if query else "")
        text = self._beginning(path) if self._options.segments else whole
        return f"{text}{self._options.separator}{issued}".encode("utf-8", "surrogatepass")

    def _beginning(self, path: str) -> str:
        parts = path.split("/", self._options.segments + 1)
        if len(parts) < self._options.segments + 2:
            raise Denied(Reason.MALFORMED, f"the path has more than {self._options.segments} segments")
        return "/".join(parts[:-1]) + "/"

    def _claims(self, path: str, query: str, issued: int) -> Claims:
        """Equality is too late: a URL is good while now < issued + ttl."""
        try:
            scope = PathScope.prefix(self._beginning(path)) if self._options.segments else PathScope.exact(path)
            urls = None
            if query and not self._options.segments:
                urls = _on_any_host(f"{path}?{query}")
        except UnsafePath as error:
            raise Denied(Reason.MALFORMED, f"the URL: {error}") from None
        except ValueError as error:
            raise Denied(Reason.UNSUPPORTED, f"the URL's query: {error}") from None
        return Claims(expires=issued + self._options.ttl, issued_at=issued, scope=scope, urls=urls)


def _on_any_host(target: str) -> UrlWildcards:
    """ValueError for a path or query that has a star."""
    origin = "http://h"
    return UrlWildcards("*://*" + UrlWildcards.of(origin + target).pattern.removeprefix(origin))
