"""Key sets of others, fetched over HTTP: bounded in size and time, without redirects, unchanged ones not read again."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp

from auth.errors import Misuse
from auth.jwk import usable_keys
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.source import Pace

MAX_BYTES = 256 * 1024
TIME_LIMIT = 5.0  # seconds for a whole fetch
_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    "Accept-Encoding": "identity",  # so that the size that is counted is the size there is
}


class RemoteSource:
    """The public keys of a JWK Set (RFC 7517 §5) at a URL. They verify and never sign.

    Keys that cannot be used here are passed over; a set in which nothing can be used is a fault, for an issuer that
    empties its set by mistake must not lock viewers out.
    """

    def __init__(
        self, url: str, *, every: float = 300.0, on_miss: float = 30.0, time_limit: float = TIME_LIMIT
    ) -> None:
        """`url` is https, or http on this machine."""
        self.pace = Pace(every, on_miss, is_fatal=False)
        self._url = url
        parts = urlsplit(url)
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._time_limit = time_limit
        self._session: aiohttp.ClientSession | None = None
        self._tag: str | None = None
        self._data: bytes | None = None

    def __repr__(self) -> str:
        return f"RemoteSource({self._where})"

    async def read(self) -> KeyRing | None:
        """See `Source`."""
        try:
            async with asyncio.timeout(self._time_limit):
                fetched = await self._fetch()
        except TimeoutError:
            raise self._error(Fault.AWAY, f"no whole answer in {self._time_limit:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error(Fault.AWAY, f"cannot be fetched ({type(error).__name__})") from None
        if fetched is None:
            return None
        data, tag = fetched
        ring = None if data == self._data else self._parsed(data)
        self._data, self._tag = data, tag
        return ring

    async def close(self) -> None:
        """See `Source`."""
        if self._session is not None:
            await self._session.close()

    async def _fetch(self) -> tuple[bytes, str | None] | None:
        """The set and its entity tag; None when the server says that it has not changed."""
        headers = _HEADERS if self._tag is None else _HEADERS | {"If-None-Match": self._tag}
        async with self._opened().get(self._url, headers=headers, allow_redirects=False) as response:
            if response.status == 304 and self._tag is not None:
                return None
            if 300 <= response.status < 400:
                raise self._error(Fault.REFUSED, "redirects, and redirects are not followed")
            if response.status != 200:
                raise self._error(Fault.REFUSED, f"answers with status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self._error(Fault.REFUSED, "answers compressed, which was not asked for")
            data = bytearray()
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > MAX_BYTES:
                    raise self._error(Fault.TOO_LARGE, f"is larger than {MAX_BYTES} bytes")
            return bytes(data), response.headers.get("ETag")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._time_limit),
                auto_decompress=False,
            )
        return self._session

    def _parsed(self, data: bytes) -> KeyRing:
        try:
            ring = usable_keys(data)
        except Misuse as error:
            raise self._error(Fault.INVALID, str(error)) from None
        if not ring.keys:
            raise self._error(Fault.INVALID, "has no key that can be used")
        return ring

    def _error(self, fault: Fault, detail: str) -> KeystoreError:
        return KeystoreError(fault, self._where, detail)
