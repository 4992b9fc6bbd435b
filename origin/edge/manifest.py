"""A manifest as the cache keeps it: viewer-independent bytes, and what compiling them found out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from hashlib import sha256
from typing import TypeVar

import msgspec

from origin.edge.codings import Effort, encode
from origin.edge.propagation import Compiled
from origin.http.etags import EntityTag, content_etag
from origin.manifests.dash import compile_mpd
from origin.manifests.hls import PlaylistTemplate, compile_playlist
from origin.manifests.template import Malformed, Spliced
from origin.media.kinds import Kind

T = TypeVar("T")

# Bounds both the memory of one manifest and the time to compile it.
MAX_MANIFEST_BYTES = 8 * 1024 * 1024
# Renderings kept beside a manifest: one for each way to carry the token, own origin and spelling of the URL. Clients
# choose the last two, so the number is bounded.
_RENDERINGS_AT_MOST = 8
# Coding more than this at once would be felt by other requests on the loop.
_INLINE_AT_MOST = 64 * 1024
# Compiling or rendering more than this would be, too: about 20 ms.
_COMPILED_INLINE = 64 * 1024
# A compiled template and a few renderings weigh about this many times the source.
_WEIGHT_FACTOR = 4


class Rendering:
    """A manifest rendered for one way of carrying the token.

    A rendering that all viewers share keeps each coded form once it has been made.
    """

    __slots__ = ("__weakref__", "_coded", "_digest", "_etag", "_spliced")

    def __init__(self, spliced: Spliced) -> None:
        """`spliced` has more than one part when a viewer's token goes between them."""
        self._spliced = spliced
        self._etag: EntityTag | None = None
        self._digest = b""
        self._coded: dict[str, bytes] = {}

    @property
    def is_shared(self) -> bool:
        """Whether it is the same for all viewers."""
        return len(self._spliced.parts) == 1

    def body(self, token: bytes) -> bytes:
        """The bytes for the viewer with this token; a shared rendering takes none."""
        return self._spliced.parts[0] if self.is_shared else self._spliced.render(token)

    def etag(self, token: bytes) -> EntityTag:
        """The strong entity tag of the bytes for the viewer with this token.

        Parts and token decide all of them, so a digest of both does, and what lies between tokens is read once.
        """
        if self._etag is None:
            # No manifest has a NUL.
            self._digest = sha256(b"\0".join(self._spliced.parts)).digest()
            self._etag = content_etag(self._digest)
        return self._etag if len(self._spliced.parts) == 1 else content_etag(self._digest + token)

    def coded_now(self, body: bytes, coding: str) -> bytes | None:
        """`body` in a content coding when that takes no waiting, else None."""
        if self.is_shared:
            return self._coded.get(coding)
        return encode(body, coding, Effort.EACH) if len(body) <= _INLINE_AT_MOST else None

    async def coded(self, body: bytes, coding: str) -> bytes:
        """`body` in a content coding, made once where all viewers share it."""
        if not self.is_shared:
            return await _encode(body, coding, Effort.EACH)
        if coding not in self._coded:
            self._coded[coding] = await _encode(body, coding, Effort.ONCE)
        return self._coded[coding]


async def _encode(body: bytes, coding: str, effort: Effort) -> bytes:
    if len(body) <= _INLINE_AT_MOST:
        return encode(body, coding, effort)
    return await asyncio.to_thread(encode, body, coding, effort)


class Manifest:
    """One version of a manifest. It is compiled once, and every rendering of it is made once and kept."""

    __slots__ = ("__weakref__", "_busy", "_compiled", "_renderings", "body", "modified", "name_kind", "version")

    def __init__(self, body: bytes, modified: float, version: str, name_kind: Kind) -> None:
        """`modified` in Unix seconds; `version` is the store's; `name_kind` is what the name says."""
        self.body = body
        self.modified = modified
        self.version = version
        self.name_kind = name_kind
        self._compiled: Compiled | Malformed | None = None
        self._renderings: OrderedDict[Hashable, Rendering | Malformed] = OrderedDict()
        self._busy = asyncio.Lock()  # long work is done once, whoever asks for it meanwhile

    async def compiled(self) -> Compiled | Malformed:
        """The template; what cannot be understood is told as such, for the mount to judge."""
        if self._compiled is None:
            async with self._busy:
                if self._compiled is None:
                    self._compiled = await self._off_loop(partial(_compile, self.body, self.name_kind))
        return self._compiled

    def rendered(self, key: Hashable) -> Rendering | None:
        """The rendering under `key` if it has been made; None says nothing about whether it can be."""
        kept = self._renderings.get(key)
        return kept if isinstance(kept, Rendering) else None

    async def rendering(self, key: Hashable, make: Callable[[], Spliced]) -> Rendering:
        """The rendering under `key`, made on first use; the least recently used goes when there are too many.

        Raises the `Malformed` that `make` raises, and remembers that too.
        """
        kept = self._renderings.get(key)
        if kept is None:
            async with self._busy:
                # Whoever waited for the lock may find it made.
                made = self._renderings.get(key)
                kept = await self._off_loop(partial(_render, make)) if made is None else made
            self._renderings[key] = kept
            if len(self._renderings) > _RENDERINGS_AT_MOST:
                self._renderings.popitem(last=False)
        self._renderings.move_to_end(key)
        if isinstance(kept, Malformed):
            raise Malformed(kept.reason, kept.detail)
        return kept

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return work() if len(self.body) <= _COMPILED_INLINE else await asyncio.to_thread(work)

    @property
    def kind(self) -> Kind:
        """What the manifest is, once it has been compiled; what its name says before, or when it is malformed."""
        if isinstance(self._compiled, PlaylistTemplate):
            return Kind.MULTIVARIANT if self._compiled.is_multivariant else Kind.MEDIA_PLAYLIST
        return self.name_kind

    @property
    def live_target_duration(self) -> float | None:
        """Seconds between changes for a manifest that still changes, else None."""
        compiled = self._compiled
        if compiled is None or isinstance(compiled, Malformed) or not compiled.is_live:
            return None
        if isinstance(compiled, PlaylistTemplate):
            return compiled.target_duration or _LIVE_WITHOUT_DURATION
        return compiled.minimum_update_period or compiled.max_segment_duration or _LIVE_WITHOUT_DURATION


_LIVE_WITHOUT_DURATION = 2.0  # seconds: a dynamic MPD without minimumUpdatePeriod, a playlist without its tag


def _compile(body: bytes, kind: Kind) -> Compiled | Malformed:
    try:
        return compile_mpd(body) if kind is Kind.MPD else compile_playlist(body)
    except Malformed as malformed:
        return malformed


def _render(make: Callable[[], Spliced]) -> Rendering | Malformed:
    try:
        return Rendering(make())
    except Malformed as malformed:
        return malformed


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    body: bytes
    modified: float
    version: str
    kind: str


class ManifestCodec:
    """Manifests for the shared tier: the source travels, every process compiles for itself."""

    def encode(self, value: Manifest) -> bytes:
        """As msgpack."""
        return msgspec.msgpack.encode(_Packed(value.body, value.modified, value.version, value.name_kind.value))

    def decode(self, data: bytes) -> Manifest:
        """Raises ValueError for anything that `encode` did not write."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        return Manifest(packed.body, packed.modified, packed.version, Kind(packed.kind))

    def weigh(self, value: Manifest) -> int:
        """Bytes in memory, roughly."""
        return _WEIGHT_FACTOR * len(value.body) + 1024
