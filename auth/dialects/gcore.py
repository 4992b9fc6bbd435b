"""Gcore's secure tokens: `md5=<MD5 in base64url>&expires=<expiry>` over expiry, path, address and secret.

The path is hashed as it was sent. The query is not covered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_network

from auth import url_hash
from auth.claims import Claims
from auth.encoding import base64url_encode
from auth.errors import Denied, Reason
from auth.options import Options, option
from auth.primitives import Hash, digest
from auth.request import Request
from auth.rules.url import Url

NAME = "gcore"


@dataclass(frozen=True, slots=True)
class GcoreOptions(Options):
    """Options of `gcore`."""

    has_address: bool = option(False, "Whether the hash covers the viewer's address.")


class Gcore(url_hash.TimedPair):
    """The dialect `gcore`."""

    name = NAME
    time_name = "expires"
    shape = re.compile(r"[A-Za-z0-9_-]{22}")

    def __init__(self, options: GcoreOptions) -> None:
        self._has_address = options.has_address

    def bound(self, request: Request) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (request.path, "", url_hash.address(request) if self._has_address else "")

    def bound_for(self, claims: Claims, url: Url) -> tuple[str, ...]:
        """See `TimedHash`."""
        return (url.path, "", url_hash.one_address(claims) if self._has_address else "")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        """See `TimedHash`."""
        path, _, client = bound
        if self._has_address and not client:
            raise Denied(Reason.WRONG_NETWORK, "the client's address is not known")
        return base64url_encode(digest(url_hash.octets(when, path, client, " ") + secret, Hash.MD5))

    def claims(self, bound: tuple[str, ...], when: str, key_id: str) -> Claims:
        """See `TimedHash`."""
        said = super().claims(bound, when, key_id)
        return replace(said, networks=(ip_network(bound[2]),)) if self._has_address else said
