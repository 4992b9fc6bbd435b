"""Calls to edges over the network: bounded in time and in what is read, without redirects, verifying certificates."""

from __future__ import annotations

import aiohttp
from yarl import URL

from origin.outbound.edge import Answer, Call

_LARGEST_ANSWER = 64 * 1024  # bytes; the rest is not read
_CONNECTIONS = 32


class Transport:
    """A `Send`. A call that brings no answer is an OSError or a TimeoutError, whose text names no URL."""

    def __init__(self, *, time_limit: float = 10.0) -> None:
        """`time_limit` is for a whole call, in seconds."""
        self._timeout = aiohttp.ClientTimeout(total=time_limit)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call) -> Answer:
        """See `Send`."""
        try:
            return await self._send(call)
        except TimeoutError:
            raise TimeoutError("no whole answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ConnectionError(type(error).__name__) from None

    async def close(self) -> None:
        """End every connection. Idempotent."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, call: Call) -> Answer:
        url = URL(call.url, encoded=True)  # spelled as the edge knows it
        async with self._opened().request(
            call.method, url, headers=list(call.fields), data=call.body or None, allow_redirects=False
        ) as response:
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= _LARGEST_ANSWER:
                    break
            return Answer(response.status, tuple(response.headers.items()), bytes(body[:_LARGEST_ANSWER]))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "headgate"},
            )
        return self._session
