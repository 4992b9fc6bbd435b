"""CDN77's secure tokens: MD5 over the expiry, the folder of the path and the secret, in padded base64url.

As `secure=<hash>,<expiry>`, or as a segment `<hash>,<expiry>` before the path. A token opens every file of its folder
and none of a folder below; one without an expiry is the hash alone. The path is hashed as it was sent.
"""

from __future__ import annotations

import re

from auth import url_hash
from auth.claims import Claims
from auth.encoding import base64url_padded
from auth.errors import Denied, Reason
from auth.primitives import Hash, digest
from auth.scope import PathScope, UnsafePath, normalise
from auth.secret import Token

NAME = "cdn77"

_TOKEN = re.compile(r"(?P<tag>[A-Za-z0-9_-]{22}==)(?:,(?P<expires>[0-9]{10}))?")


class Cdn77(url_hash.TimedHash, url_hash.OneText):
    """The dialect `cdn77`."""

    name = NAME
    segments = re.compile(r"[A-Za-z0-9_-]{22}==(?:,[0-9]{10})?/")

    def parse(self, token: Token) -> tuple[str, str]:
        """See `TimedHash`."""
        found = _TOKEN.fullmatch(token.reveal())
        if found is None:
            raise Denied(Reason.MALFORMED, "the token is a hash of 24 characters, and an expiry behind a comma")
        return found["tag"], found["expires"] or ""

    def compose(self, tag: str, when: str) -> Token:
        """See `TimedHash`."""
        return Token(f"{tag},{when}" if when else tag)

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        """See `TimedHash`."""
        return base64url_padded(digest(url_hash.octets(when, _folder(bound[0])) + secret, Hash.MD5))

    def when(self, claims: Claims) -> str:
        """See `TimedHash`."""
        return "" if claims.expires is None else super().when(claims)

    def claims(self, bound: tuple[str, ...], when: str, key_id: str) -> Claims:
        """See `TimedHash`."""
        expires = url_hash.instant(when) if when else None
        return Claims(scope=_files_of(_folder(bound[0])), expires=expires, key_id=key_id, dialect=NAME)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _files_of(folder: str) -> PathScope:
    """The files of one folder. A star in the folder's own name would be read as a wildcard, so there is none."""
    if "*" in folder:
        raise Denied(Reason.OUT_OF_SCOPE, "a folder has no stars")
    try:
        return PathScope.glob(normalise(folder + "/") + "*")
    except UnsafePath as error:
        raise Denied(Reason.OUT_OF_SCOPE, str(error)) from None
