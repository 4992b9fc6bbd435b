from __future__ import annotations

import pytest

from cache import Cache, MemoryTier, Policy
from origin.edge.admission import admit
from origin.edge.edge_identity import EdgeIdentity
from origin.edge.edge_proof import Trust
from origin.edge.manifest import MAX_MANIFEST_BYTES, Manifest, ManifestCodec
from origin.edge.manifests import Manifests, MissingError, TooLargeError, Viewing
from origin.edge.mount import Mount, Propagation
from origin.http.reply import Bytes, Reply
from origin.manifests.template import Malformed
from origin.media.kinds import Kind
from origin.media.target import parse_target
from origin.serving.exchange import Exchange
from origin.storage.memory import MemoryStore
from origin.storage.store import StoreError
from tests.clock import Clock
from tests.edge_parts import EDGE, OPEN, VOD, inbound, open_mount, signed_mount, token

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nhttp://cdn.example/vod/1.ts\n#EXTINF:6,\n1.ts\n"
NOW = 1_800_000_000.0


class Room:
    """The manifests of one process, and what they refused."""

    def __init__(self, clock: Clock) -> None:
        self.refused: list[tuple[str, str]] = []
        self.store = MemoryStore()
        self.store.put("a/i.m3u8", PLAYLIST)
        policy = Policy(source_trouble=(StoreError,))
        cache = Cache(ManifestCodec(), MemoryTier[Manifest](2**24), None, clock, policy)
        self.manifests = Manifests(cache, lambda mount, reason: self.refused.append((mount, reason)))

    async def ask(
        self,
        mount: Mount,
        *fields: tuple[str, str],
        name: str = "a/i.m3u8",
        query: str = "",
        edge: EdgeIdentity | None = None,
    ) -> Reply:
        asked = inbound(f"{mount.label}/{name}", *fields, query=query)
        admission = admit(mount, asked, NOW, edge)
        viewing = Viewing(mount, (OPEN, VOD), parse_target(admission.path, [OPEN, VOD]), admission, asked)
        exchange = Exchange("id")
        reply = await self.manifests.answer(viewing, exchange, NOW)
        assert exchange.kind is Kind.MEDIA_PLAYLIST
        return reply


@pytest.fixture
def room(clock: Clock) -> Room:
    return Room(clock)


def body(reply: Reply) -> bytes:
    assert isinstance(reply.body, Bytes)
    return reply.body.data


async def test_an_open_mount_serves_the_bytes_as_they_are(room: Room) -> None:
    reply = await room.ask(open_mount(room.store))
    assert (reply.status, body(reply)) == (200, PLAYLIST)


async def test_a_signed_one_adds_the_token_but_never_sends_it_down_to_http(room: Room) -> None:
    text = token(NOW)
    reply = await room.ask(signed_mount(room.store), query=f"token={text}")
    assert body(reply).decode().splitlines()[3::2] == ["http://cdn.example/vod/1.ts", f"1.ts?token={text}"]


async def test_malformed(room: Room) -> None:
    room.store.put("a/i.m3u8", b"noise")
    assert body(await room.ask(open_mount(room.store))) == b"noise"
    with pytest.raises(Malformed, match="not_a_playlist"):
        await room.ask(signed_mount(room.store), query=f"token={token(NOW)}")
    assert room.refused == [("/vod", "not_a_playlist")]


async def test_too_large(room: Room) -> None:
    room.store.put("a/i.m3u8", PLAYLIST + b"#" * MAX_MANIFEST_BYTES)
    with pytest.raises(TooLargeError):
        await room.ask(open_mount(room.store))
    with pytest.raises(Malformed, match="manifest_too_large"):
        await room.ask(signed_mount(room.store), query=f"token={token(NOW)}")
    assert room.refused == [("/vod", "manifest_too_large")]


async def test_missing(room: Room) -> None:
    with pytest.raises(MissingError):
        await room.ask(open_mount(room.store), name="a/none.m3u8")


@pytest.mark.parametrize("propagation", Propagation)
async def test_an_edge_may_keep_only_what_holds_no_token(room: Room, propagation: Propagation) -> None:
    mount, text = signed_mount(room.store, propagation, Trust.ASKS), token(NOW)
    reply = await room.ask(mount, query=f"token={text}", edge=EDGE)
    has_token = text in body(reply).decode() or any(text in value for _, value in reply.headers)
    assert ("CDN-Cache-Control" in dict(reply.headers)) != has_token


async def test_a_change_is_seen_when_the_store_is_asked_again(room: Room, clock: Clock) -> None:
    mount = open_mount(room.store)
    assert body(await room.ask(mount)) == PLAYLIST
    room.store.put("a/i.m3u8", PLAYLIST + b"#EXT-X-ENDLIST\n")
    assert body(await room.ask(mount)) == PLAYLIST
    clock.advance(mount.policy.recheck)
    reply = await room.ask(mount)
    assert body(reply).endswith(b"#EXT-X-ENDLIST\n")
    assert dict(reply.headers)["Age"] == "0"


async def test_small_bodies_are_not_coded(room: Room) -> None:
    mount = open_mount(room.store)
    reply = await room.ask(mount, ("Accept-Encoding", "gzip"))
    assert "Content-Encoding" not in dict(reply.headers)
    assert dict(reply.headers)["Vary"] == "Accept-Encoding"
    room.store.put("a/long.m3u8", PLAYLIST + b"#EXTINF:6,\n1.ts\n" * 100)
    coded = await room.ask(mount, ("Accept-Encoding", "gzip"), name="a/long.m3u8")
    assert dict(coded.headers)["Content-Encoding"] == "gzip"
