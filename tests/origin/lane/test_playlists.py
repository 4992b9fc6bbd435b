"""Manifests: rendered before, composed now."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import NamedTuple

import pytest

from auth import Token
from cache import Cache, Entry, Hit, Lifetime, Loaded, MemoryTier
from origin.edge.manifest import Manifest, ManifestCodec
from origin.edge.manifests import as_written, rendering_key
from origin.edge.propagation import Carry
from origin.edge.sessions import Onward
from origin.lane.answer import Told
from origin.lane.blocks import Block
from origin.lane.heads import Head
from origin.lane.passes import Pass
from origin.lane.playlists import Onwards, Playlists, onwards_of
from origin.lane.visitor import Place
from origin.manifests.template import Spliced
from origin.media.kinds import Kind
from tests.auth.samples import NOW
from tests.clock import Clock
from tests.origin.lane.scenes import Site, head_of

PLAIN = head_of()
ORIGIN = Place("http", "cdn.example")
ONWARD = Onward(Carry.QUERY, Token("a.b"), "token")
BODY = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n" * 10


def cache(clock: Clock) -> Cache[Manifest]:
    return Cache(ManifestCodec(), MemoryTier[Manifest](2**20), None, clock)


class Shown(NamedTuple):
    told: Told
    block: Block
    etag: bytes
    length: int | None
    body: bytes


class Stand:
    """A manifest below the mount with tokens, and what is asked of it."""

    def __init__(self, *parts: bytes) -> None:
        self.route = Site().route(b"/vod/film/index.m3u8")
        self.clock = Clock(NOW)
        self.cache = cache(self.clock)
        self.playlists = Playlists(self.cache)
        self.manifest = Manifest(BODY, NOW - 60.0, "v1", Kind.MEDIA_PLAYLIST)
        self.parts = parts

    async def hit(self, onward: Onward = ONWARD) -> Hit[Manifest]:
        async def load(_: Entry[Manifest] | None) -> Loaded[Manifest]:
            return Loaded(self.manifest, Lifetime(10))

        await self.cache.get(self.route.key, load)
        key = rendering_key(self.route.mount, onward, self.route.path, *ORIGIN)
        await self.manifest.rendering(key, lambda: Spliced(self.parts))
        hit = self.playlists.find(self.route)
        assert hit is not None
        return hit

    def ask(
        self, hit: Hit[Manifest], onward: Onward = ONWARD, head: Head = PLAIN, *, is_open: bool = False
    ) -> Shown | None:
        goes = Onwards(onward, b"" if onward.token is None else as_written(onward.token))
        ready = self.playlists.answer(self.route, head, hit, goes, ORIGIN, self.clock(), is_open=is_open)
        if ready is None:
            return None
        assert isinstance(ready.body, bytes)
        return Shown(ready.told, ready.block, ready.etag, ready.length, ready.body)


async def test_a_viewer_gets_their_own_token() -> None:
    stand = Stand(b"a" * 300, b"b")
    hit = await stand.hit()
    ready = stand.ask(hit)
    assert ready is not None
    assert (ready.told.status, ready.body, ready.length) == (200, b"a" * 300 + b"a.bb", 304)
    assert (ready.told.kind, ready.told.cache) == (Kind.MEDIA_PLAYLIST, "hit")
    assert b"private" in ready.block.filled(ready.etag, 0.0, b"1", ready.length, NOW)
    other = stand.ask(hit, replace(ONWARD, token=Token("c")))
    assert other is not None
    assert (other.body[300:], other.etag != ready.etag, other.block) == (b"cb", True, ready.block)
    again = stand.ask(hit)
    assert again is not None
    assert again.told is ready.told


async def test_what_all_share_goes_to_whom_it_is_for() -> None:
    stand = Stand(BODY)
    hit = await stand.hit()
    for is_open in (True, False):
        ready = stand.ask(hit, is_open=is_open)
        assert ready is not None
        filled = ready.block.filled(ready.etag, 0.0, b"1", ready.length, NOW)
        assert (b"CDN-Cache-Control" in filled) is is_open


async def test_what_takes_more_is_left_alone() -> None:
    stand = Stand(b"a", b"b")
    assert stand.playlists.find(stand.route) is None
    hit = await stand.hit()
    assert stand.ask(hit, head=head_of(("If-None-Match", '"x"'))) is None
    assert stand.ask(hit, head=head_of(("Range", "bytes=0-1"))) is None
    assert stand.ask(hit, replace(ONWARD, cookies=(("Set-Cookie", "a=b"),))) is None
    assert stand.ask(hit, replace(ONWARD, token=None)) is None
    assert stand.ask(hit) is not None
    assert stand.ask(hit, replace(ONWARD, name="other")) is None, "it has not been rendered"


async def test_codings() -> None:
    own, shared = Stand(b"a" * 300, b"b"), Stand(BODY)
    gzip = head_of(("Accept-Encoding", "gzip"))
    plain, coded = own.ask(await own.hit()), own.ask(await own.hit(), head=gzip)
    assert plain is not None
    assert coded is not None
    assert len(coded.body) < 100
    assert coded.etag == plain.etag + b"+gzip"
    hit = await shared.hit()
    assert shared.ask(hit, head=gzip) is None, "what is kept is coded once, and with more care"
    rendering = shared.manifest.rendered(rendering_key(shared.route.mount, ONWARD, shared.route.path, *ORIGIN))
    assert rendering is not None
    kept = await rendering.coded(BODY, "gzip")
    ready = shared.ask(hit, head=gzip)
    assert ready is not None
    assert ready.body == kept


async def test_age_is_told_to_the_second() -> None:
    stand = Stand(BODY)
    hit = await stand.hit()
    seen = []
    for _ in range(3):
        found = stand.playlists.find(stand.route)
        assert found is not None
        ready = stand.ask(found)
        assert ready is not None
        seen.append(ready.block.filled(b"", 0.0, b"", 0, NOW))
        stand.clock.advance(0.6)
    assert [block.count(b"Age: 0\r\n") for block in seen] == [1, 1, 0]
    assert b"ttl=8" in seen[2]
    stand.playlists.took(stand.route, hit)


@pytest.mark.parametrize("onward", [ONWARD, None])
def test_how_a_viewer_goes_on(onward: Onward | None) -> None:
    route = Site().route(b"/open/film/index.m3u8")
    manifest = Manifest(BODY, NOW, "v1", Kind.MEDIA_PLAYLIST)
    found = onwards_of(Pass(None, None, None, b"", onward, b"a.b"), route, b"", manifest, NOW)
    assert found == ((onward, b"a.b") if onward else (Onward(Carry.NOTHING), b""))


async def test_nothing_is_remembered_of_a_manifest_that_is_gone() -> None:
    stand = Stand(b"a" * 300, b"b")
    assert stand.ask(await stand.hit()) is not None
    gone = weakref.ref(stand.manifest)
    stand.manifest = Manifest(BODY, NOW - 60.0, "v2", Kind.MEDIA_PLAYLIST)
    stand.clock.advance(60)
    await stand.hit()
    gc.collect()
    assert gone() is None
