"""Wowza's SecureToken, version 2: a hash over the stream's path, the secret, the viewer's address and parameters.

    ?<prefix>endtime=<instant>&<prefix>starttime=<instant>&<prefix>hash=<hash in padded base64url>

What is hashed is application and stream, "?", and, sorted and joined by "&", the secret, the address where the option
says so, and every parameter whose name begins with the prefix. A token opens everything below its stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from auth import url_hash
from auth.carriage import Carriage, Found
from auth.claims import Claims
from auth.encoding import base64url_padded
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, digest
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope, UnsafePath
from auth.secret import Token

NAME = "wowza"

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_TAG = re.compile(r"[A-Za-z0-9_-]{42,86}={0,2}")
_MAX_DEPTH = 32


class HashName(StrEnum):
    """The hash functions of SecureToken."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True)
class WowzaOptions(Options):
    """Options of `wowza`."""

    prefix: str = option("wowzatoken", "What the names of the token's parameters begin with.")
    hash: HashName = option(HashName.SHA256, "The hash function.")
    has_address: bool = option(False, "Whether the viewer's address is hashed.")
    stream_depth: int = option(2, "How many leading segments of the path are application and stream, from 1 to 32.")


class Wowza(url_hash.SeveralNames):
    """The dialect `wowza`."""

    def __init__(self, options: WowzaOptions) -> None:
        """Misuse for a prefix or a depth that is none."""
        if not _PREFIX.fullmatch(options.prefix) or not 1 <= options.stream_depth <= _MAX_DEPTH:
            raise Misuse(f"a prefix is a word, and a depth is 1 to {_MAX_DEPTH}")
        self._options = options
        self._times = (options.prefix + "endtime", options.prefix + "starttime")

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (self._options.prefix + "hash", *self._times)

    def bound(self, request: Request) -> tuple[str, ...]:
        """The path, further parameters of the token (which are not known here), and the address if it is hashed."""
        others = [piece for piece in request.query.split("&") if piece.startswith(self._options.prefix)]
        return (request.path, "&".join(others), url_hash.address(request) if self._options.has_address else "")

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a token whose hash is right: a stream and what is below it."""
        tag, times = self._parse(found.token)
        path, others, client = found.bound
        if others:
            raise Denied(Reason.UNSUPPORTED, "the token has a parameter that is not known")
        if self._options.has_address and not client:
            raise Denied(Reason.WRONG_NETWORK, "the client's address is not known")
        stream = self._stream(path)
        key = url_hash.maker(ring, tag, lambda secret: self._hash(secret, stream, times, client))
        return self._claims(stream, times, client, key.id)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for the stream that `url` belongs to."""
        secret = url_hash.secret_to_sign(key)
        if url is None:
            raise Misuse("this token is made for a URL")
        instants = zip(self._times, (claims.expires, claims.not_before), strict=True)
        times = {name: str(url_hash.whole(name, value)) for name, value in instants if value is not None}
        client = url_hash.one_address(claims) if self._options.has_address else ""
        try:
            stream = self._stream(url.path)
            said = self._claims(stream, times, client, key.id)
        except Denied as refusal:
            raise Misuse(f"no token can be made: {refusal}") from None
        url_hash.check_said(said, claims)
        return url_hash.joined((("", self._hash(secret, stream, times, client)), *times.items()))

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """The times."""
        return tuple(self._parse(found.token)[1].items())

    def _parse(self, token: Token) -> tuple[str, dict[str, str]]:
        (_, tag), *pairs = url_hash.split(token)
        times = dict(pairs)
        if not _TAG.fullmatch(tag) or list(times) != [name for name in self._times if name in times]:
            raise Denied(Reason.MALFORMED, "the token's parameters are not as they should be")
        if len(times) != len(pairs) or url_hash.joined((("", tag), *pairs)) != token:
            raise Denied(Reason.MALFORMED, "the token's parameters are not as they should be")
        for text in times.values():
            url_hash.instant(text)
        return tag, times

    def _stream(self, path: str) -> str:
        """Application and stream, with the slash before them."""
        segments = path.split("/")
        if len(segments) <= self._options.stream_depth:
            raise Denied(Reason.OUT_OF_SCOPE, "the path is not as deep as a stream")
        return "/".join(segments[: self._options.stream_depth + 1])

    def _hash(self, secret: bytes, stream: str, times: dict[str, str], client: str) -> str:
        pieces = [secret, *(url_hash.octets(name, "=", value) for name, value in times.items())]
        if client:
            pieces.append(client.encode())
        message = url_hash.octets(stream[1:], "?") + b"&".join(sorted(pieces))
        return base64url_padded(digest(message, Hash(self._options.hash)))

    def _claims(self, stream: str, times: dict[str, str], client: str, key_id: str) -> Claims:
        end, start = (times.get(name) for name in self._times)
        try:
            scope = PathScope.prefix(stream)
        except UnsafePath as error:
            raise Denied(Reason.OUT_OF_SCOPE, str(error)) from None
        return Claims(
            scope=scope,
            expires=None if end is None else url_hash.instant(end),
            not_before=None if start is None else url_hash.instant(start),
            networks=(ip_network(client),) if client else None,
            key_id=key_id,
            dialect=NAME,
        )
