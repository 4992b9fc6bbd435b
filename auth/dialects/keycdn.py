"""KeyCDN's secure tokens: `token=<MD5 in base64url>&expire=<expiry>` over the path, the secret and the expiry.

The path is hashed as it was sent. The query is not covered.
"""

from __future__ import annotations

import re

from auth import url_hash
from auth.encoding import base64url_encode
from auth.primitives import Hash, digest

NAME = "keycdn"


class KeyCdn(url_hash.TimedPair):
    """The dialect `keycdn`."""

    name = NAME
    time_name = "expire"
    shape = re.compile(r"[A-Za-z0-9_-]{22}")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        """See `TimedHash`."""
        message = url_hash.octets(bound[0]) + secret + url_hash.octets(when)
        return base64url_encode(digest(message, Hash.MD5))
