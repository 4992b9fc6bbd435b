"""Manifests behind the shield, as a `Reader` gives them to whoever compiles them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import blake2b

from origin.http.dates import parse_http_date
from origin.http.fields import combined
from origin.http.reply import Body, Bytes, Empty, FileSlice, Reply, Slices, Stream
from origin.http.spans import ByteSpan
from origin.shield.asked import Asked
from origin.shield.bodies import let_go
from origin.shield.shield import Shield
from origin.storage.store import ObjectInfo, StoredObject, StoreUnavailable
from origin.upstream.origin_server import OriginServer, Trouble, UpstreamError

# What a path below the mount is asked for with, and a query (maybe empty).
AskFor = Callable[[str, str], Asked]


class UpstreamFailed(StoreUnavailable):
    """The upstream gave no manifest, and it may well have one."""

    def __init__(self, trouble: Trouble) -> None:
        """Its reason is the upstream's."""
        super().__init__(trouble.value)
        self.trouble = trouble
        self.reason = trouble.value


@dataclass(frozen=True, slots=True)
class _Read:
    """A manifest that has been read."""

    data: bytes
    info: ObjectInfo

    @property
    def size(self) -> int:
        return len(self.data)

    def fileno(self) -> None:
        """There is no file."""

    def is_unchanged(self) -> bool:
        return True

    async def read(self, span: ByteSpan) -> bytes:
        return self.data[span.start : span.stop]

    def release(self) -> None:
        """Nothing is held."""


class ShieldReader:
    """A `Reader` of small objects: each is read whole when it is opened."""

    def __init__(
        self, shield: Shield, upstream: OriginServer, ask: AskFor, clock: Callable[[], float], largest: int
    ) -> None:
        """`clock` gives Unix seconds. Of an object with more than `largest` bytes only so much is read, and one more.

        The upstream is asked by the shield; here it is only probed, and closed by whoever made it.
        """
        self._shield = shield
        self._upstream = upstream
        self._ask = ask
        self._clock = clock
        self._largest = largest

    async def open(self, path: str) -> StoredObject | None:
        """See `Reader`."""
        return await self.open_as_asked(path, "")

    async def open_as_asked(self, path: str, query: str) -> StoredObject | None:
        """The same, as the upstream answers it to `query`."""
        now = self._clock()
        try:
            answered = await self._shield.answer(self._ask(path, query), now)
        except UpstreamError as error:
            raise UpstreamFailed(error.trouble) from error
        reply = answered.reply
        data = await _bytes_of(reply.body, self._largest + 1)
        if reply.status in {404, 410}:
            return None
        if reply.status != 200:
            raise StoreUnavailable(f"the upstream answers {reply.status}")
        return _Read(data, _info(reply, data, now))

    async def probe(self) -> None:
        """See `Reader`."""
        try:
            await self._upstream.probe()
        except UpstreamError as error:
            raise UpstreamFailed(error.trouble) from error

    async def close(self) -> None:
        """Nothing is held open."""


def _info(reply: Reply, data: bytes, now: float) -> ObjectInfo:
    version = blake2b(data, digest_size=16).hexdigest()
    changed = combined(reply.headers, "Last-Modified")
    modified = None if changed is None else parse_http_date(changed, now)
    return ObjectInfo(len(data), now if modified is None else modified, version, etag_source=version)


async def _bytes_of(body: Body, at_most: int) -> bytes:
    """The first bytes of a body, which is given back."""
    try:
        match body:
            case Bytes(data=data):
                return data[:at_most]
            case FileSlice(content=content, span=span):
                return await content.read(ByteSpan(span.start, min(span.length, at_most)))
            case Stream(chunks=chunks):
                return await _beginning(chunks, at_most)
            case Empty() | Slices():
                return b""
    finally:
        await let_go(body)


async def _beginning(chunks: AsyncIterator[bytes], at_most: int) -> bytes:
    read = bytearray()
    async for chunk in chunks:
        read += chunk
        if len(read) >= at_most:
            break
    return bytes(read[:at_most])
