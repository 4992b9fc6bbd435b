"""Fastly's tokens: `token=<expiry>_<HMAC-SHA1 in hexadecimal>` over the URL and the expiry.

The key of the ring holds the octets that Fastly's configuration has in base64. The URL is compared as it was sent. An
expiry has ten digits, for it follows the URL without a mark: with eleven, a digit of the URL could become its first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from auth import url_hash
from auth.errors import Denied, Reason
from auth.options import Options, option
from auth.primitives import Hash, mac
from auth.secret import Secret, Token

NAME = "fastly"

_TOKEN = re.compile(r"(?P<expires>[1-9][0-9]{9})_(?P<tag>[0-9a-f]{40})")


class Covers(StrEnum):
    """What the HMAC covers beside the expiry."""

    PATH = "path"
    URL = "url"


@dataclass(frozen=True, slots=True)
class FastlyOptions(Options):
    """Options of `fastly`."""

    covers: Covers = option(Covers.URL, "Whether the hash covers the path alone or the query with it.")


class Fastly(url_hash.TimedHash, url_hash.OneText):
    """The dialect `fastly`."""

    name = NAME

    def __init__(self, options: FastlyOptions) -> None:
        self._covers = options.covers

    def parse(self, token: Token) -> tuple[str, str]:
        """See `TimedHash`."""
        found = _TOKEN.fullmatch(token.reveal())
        if found is None:
            raise Denied(Reason.MALFORMED, "the token is an expiry and 40 hexadecimal digits")
        return found["tag"], found["expires"]

    def compose(self, tag: str, when: str) -> Token:
        """See `TimedHash`."""
        return Token(f"{when}_{tag}")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        """See `TimedHash`."""
        path, query = bound
        asked = f"?{query}" if query and self._covers is Covers.URL else ""
        return mac(Secret(secret), url_hash.octets(path, asked, when), Hash.SHA1).hex()
