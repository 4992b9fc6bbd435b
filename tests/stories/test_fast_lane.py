"""The fast lane and the ordinary way give the same answers, byte for byte, whatever is asked and however it arrives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from auth import Claims, Gate, PathScope
from auth.revocation import Revoked
from origin.lane.lane import Sent
from origin.lane.objects import LOOK_AGAIN_SECONDS
from origin.lane.visitor import Visitor
from origin.realms import realm_of
from origin.serving.connection import ConnectionServer
from tests.stories.gateway import Answer, Gateway, connected, running
from tests.stories.test_range_table import ROWS

SEGMENT = os.urandom(300_000)
TABLE = bytes(range(256)) * 4
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + b"".join(b"#EXTINF:4,\n%d.m4s\n" % each for each in range(40))
ENDED = PLAYLIST + b"#EXT-X-ENDLIST\n"
LEARNT = 4  # times that something is asked for until all about it is known
PASSING = {"date", "x-request-id"}


@dataclass(frozen=True)
class Ways:
    """One gateway behind two ports. At the second, aiohttp answers everything."""

    gateway: Gateway
    ordinary: int
    answered: Counter[bool]  # by the lane: how often it did, and how often it was asked in vain

    async def compared(self, target: str, *fields: str, method: str = "GET") -> Answer:
        """The lane's last answer, found to be the other's too."""
        async with self.gateway.wire() as fast, connected(self.ordinary) as slow:
            answers = [await fast.ask(target, *fields, method=method) for _ in range(LEARNT)]
            for answer in answers:
                expected = await slow.ask(target, *fields, method=method)
                assert lasting(answer) == lasting(expected)
        return answers[-1]

    async def by_lane(self, target: str, *fields: str, method: str = "GET") -> Answer:
        """The same, of something that the lane has to answer in the end."""
        answer = await self.compared(target, *fields, method=method)
        before = self.answered[True]
        async with self.gateway.wire() as wire:
            for _ in range(20):
                await wire.ask(target, *fields, method=method)
                if self.answered[True] > before:
                    return answer
                # A manifest has to be read anew now and then.
                await asyncio.sleep(0.05)
        pytest.fail("the lane has not answered")


def lasting(answer: Answer) -> Answer:
    """An answer without what differs between two answers to one request."""
    fields: list[tuple[str, str]] = []
    for name, value in answer.fields:
        match name:
            case "server-timing":
                fields.append((name, re.sub(r"dur=\d+\.\d{3}$", "", value)))
            case "cache-status":
                fields.append((name, value.partition(";")[0]))
            case "age":
                fields.append((name, str(value.isdigit())))
            case _ if name not in PASSING:
                fields.append((name, value))
            case _:
                fields.append((name, ""))
    return replace(answer, fields=tuple(fields))


@contextlib.asynccontextmanager
async def both(
    folder: Path, mounts: list[dict[str, object]] | None = None, public: Mapping[str, object] | None = None
) -> AsyncIterator[Ways]:
    async with running(folder, mounts, public=public or {}) as gateway:
        for path, data in {
            "film/1.m4s": SEGMENT,
            "film/small.m4s": b"abc",
            "film/table.bin": TABLE,
            "film/index.m3u8": ENDED,
            "live/index.m3u8": PLAYLIST,
        }.items():
            # Of what changed within this second, dates say too little to be compared by.
            os.utime(gateway.put(path, data), (time.time() - 60, time.time() - 60))
        answered = counted(gateway)
        handler = gateway.runtime.public_handler
        server = ConnectionServer(handler, keepalive_seconds=75, header_seconds=10, max_connections=100)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        try:
            yield Ways(gateway, listening.sockets[0].getsockname()[1], answered)
        finally:
            listening.close()
            await server.shutdown(1)


def counted(gateway: Gateway) -> Counter[bool]:
    """Count what the gateway's lane answers from now on."""
    lane = gateway.runtime.lane
    assert lane is not None
    answered: Counter[bool] = Counter()
    answer: Callable[[bytes, int, Visitor], Sent | None] = lane.answer

    def counting(data: bytes, start: int, visitor: Visitor) -> Sent | None:
        sent = answer(data, start, visitor)
        answered[sent is not None] += 1
        return sent

    lane.answer = counting  # type: ignore[method-assign]
    return answered


async def test_whole_objects_and_their_heads(tmp_path: Path) -> None:
    async with both(tmp_path) as ways:
        token = ways.gateway.token()
        for mount in ("/open", "/vod"):
            for path in ("film/1.m4s", "film/small.m4s", "film/index.m3u8", "live/index.m3u8"):
                for method in ("GET", "HEAD"):
                    query = f"?token={token}" if mount == "/vod" else ""
                    answer = await ways.by_lane(f"{mount}/{path}{query}", method=method)
                    assert answer.status == 200
                    assert (len(answer.body) > 0) is (method == "GET")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
async def test_ranges_and_conditions(row: tuple[str, list[str], int, bytes], ways: Ways) -> None:
    _, fields, status, _ = row
    known = await ways.gateway.ask("/open/film/table.bin")
    asked = [each.replace("ETAG", known["etag"]).replace("DATE", known["last-modified"]) for each in fields]
    for method in ("GET", "HEAD"):
        answer = await ways.compared("/open/film/table.bin", *asked, method=method)
        if method == "GET" and "multipart" not in answer["content-type" if status == 206 else "server"]:
            assert answer.status == status


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture
async def ways(site: Path) -> AsyncIterator[Ways]:
    async with both(site) as running_ways:
        yield running_ways


MODES = ["query", "define", "path", "cookie", "none"]


def signed(mode: str, exchange: str) -> dict[str, object]:
    return {
        "prefix": "/vod",
        "storage": "file:media",
        "access": "signed",
        "keys": "main",
        "propagate": mode,
        "session": {"exchange": exchange},
        "cors": {"origins": []},
    }


@pytest.mark.parametrize("mode", MODES)
async def test_every_way_to_carry_a_token(mode: str, tmp_path: Path) -> None:
    async with both(tmp_path, [signed(mode, "never")]) as ways:
        token = ways.gateway.token()
        for path in ("film/index.m3u8", "live/index.m3u8"):
            await ways.compared(f"/vod/{path}?token={token}")
        await ways.by_lane(f"/vod/film/small.m4s?token={token}")


@pytest.mark.parametrize("mode", MODES[:-1])
async def test_sessions(mode: str, tmp_path: Path) -> None:
    async with both(tmp_path, [signed(mode, "always")]) as ways:
        begun = await ways.gateway.ask(f"/vod/film/index.m3u8?token={ways.gateway.token()}")
        found = re.search(r"HGs1[A-Za-z0-9_-]+", repr(begun))
        assert found is not None
        target = f"/vod/film/small.m4s?token={found[0]}"
        await ways.by_lane(target)
        if mode == "query":  # what a player keeps of these is the same for as long as the session is young
            await ways.by_lane(f"/vod/film/index.m3u8?token={found[0]}")
        live = f"/vod/live/index.m3u8?token={found[0]}"
        assert {answer.status for answer in await asked_often(ways, live)} == {(await ways.gateway.ask(live)).status}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity", "gzip;q=0, *", "*;q=0"])
async def test_content_codings(coding: str, ways: Ways) -> None:
    token = ways.gateway.token()
    for target in (
        "/open/film/index.m3u8",
        f"/vod/film/index.m3u8?token={token}",
        f"/vod/film/small.m4s?token={token}",
    ):
        await ways.by_lane(target, f"Accept-Encoding: {coding}")


async def test_pages_from_elsewhere(tmp_path: Path) -> None:
    cors = {"origins": ["https://player.example"], "credentials": True}
    mount: dict[str, object] = {"prefix": "/open", "storage": "file:media", "access": "open", "cors": cors}
    async with both(tmp_path, [mount]) as ways:
        for origin in ("https://player.example", "https://elsewhere.example", "null"):
            answer = await ways.by_lane("/open/film/small.m4s", f"Origin: {origin}")
            assert ("access-control-allow-origin" in answer) is (origin == "https://player.example")


async def test_what_the_lane_leaves_alone(ways: Ways) -> None:
    token = ways.gateway.token()
    before = ways.answered[True]
    for target, fields, method in [
        ("/open/film/nothing.m4s", (), "GET"),
        ("/vod/film/small.m4s", (), "GET"),
        ("/vod/film/small.m4s?token=x.y.z", (), "GET"),
        (f"/vod/film/small.m4s?token={token}&token={token}", (), "GET"),
        (f"/vod/film/small.m4s?token={ways.gateway.token('/vod/other')}", (), "GET"),
        (f"/vod/film/small.m4s?token={token}", ("Authorization: Bearer x.y.z",), "GET"),
        ("/open/film/small.m4s", (), "OPTIONS"),
        ("/open/film/sm%61ll.m4s", (), "GET"),
        ("/open/../vod/film/small.m4s", (), "GET"),
        ("/open//film/small.m4s", (), "GET"),
        ("/.well-known/jwks.json", (), "GET"),
        ("/open/film/index.m3u8", ('If-None-Match: "x"',), "GET"),
    ]:
        await ways.compared(target, *fields, method=method)
    assert ways.answered[True] == before


async def asked_often(ways: Ways, target: str) -> list[Answer]:
    async with ways.gateway.wire() as wire:
        return [await wire.ask(target) for _ in range(LEARNT)]


async def test_a_revoked_token_opens_nothing_more(tmp_path: Path) -> None:
    async with both(tmp_path) as ways:
        configured = ways.gateway.configured.mount[0]
        claims = Claims(expires=time.time() + 60, scope=PathScope.prefix("/vod"), token_id="one")
        token = Gate(realm_of(configured)).mint(claims, ways.gateway.ring, time.time()).reveal()
        target = f"/vod/film/small.m4s?token={token}"
        await ways.by_lane(target)
        await ways.gateway.runtime.ledger.revoke(Revoked.TOKEN, "other", seconds=60)
        await ways.by_lane(target)
        await ways.gateway.runtime.ledger.revoke(Revoked.TOKEN, "one", seconds=60)
        assert (await ways.gateway.ask(target)).status == 403


async def test_a_token_ends_when_it_ends(tmp_path: Path) -> None:
    async with both(tmp_path, [signed("query", "never") | {"leeway_seconds": 0}]) as ways:
        ends = time.time() + 1.5
        configured = ways.gateway.configured.mount[0]
        claims = Claims(expires=ends, scope=PathScope.prefix("/vod"))
        token = Gate(realm_of(configured)).mint(claims, ways.gateway.ring, time.time()).reveal()
        target = f"/vod/film/small.m4s?token={token}"
        async with ways.gateway.wire() as wire:
            while (answer := await wire.ask(target)).status == 200:
                asked_at = time.time()
                assert asked_at < ends + 1  # the server may have looked at its clock a moment before
        assert answer.status == 403
        assert time.time() >= ends
        assert ways.answered[True] > 0


@pytest.mark.parametrize("how", ["in place", "replaced"])
async def test_a_changed_object_is_seen(how: str, tmp_path: Path) -> None:
    async with both(tmp_path) as ways:
        for path, old, new in (("film/small.m4s", b"abc", b"new"), ("film/1.m4s", SEGMENT, SEGMENT[::-1])):
            target = f"/open/{path}"
            assert (await ways.by_lane(target)).body == old
            file = ways.gateway.media / path
            if how == "in place":
                file.write_bytes(new)
                await asyncio.sleep(2 * LOOK_AGAIN_SECONDS)
            else:
                (file.parent / "next").write_bytes(new)
                (file.parent / "next").rename(file)
                await asyncio.sleep(1.1)  # within that a replaced file may go unseen
            assert {answer.body for answer in await asked_often(ways, target)} == {new}
            await ways.by_lane(target)


async def test_requests_in_one_stream_cut_anywhere(ways: Ways) -> None:
    token = ways.gateway.token()
    asked = [
        ("GET", "/open/film/small.m4s", ()),
        ("GET", f"/vod/film/index.m3u8?token={token}", ()),
        ("HEAD", "/open/film/1.m4s", ()),
        ("GET", "/open/film/nothing.m4s", ()),
        ("GET", "/open/film/table.bin", ("Range: bytes=5-9",)),
        ("OPTIONS", "/open/film/small.m4s", ()),
        ("GET", "/open/film/small.m4s", ("X-Other: 1",)),
    ]
    for method, target, fields in asked:
        await ways.compared(target, *fields, method=method)
    expected = {}
    async with connected(ways.ordinary) as slow:
        for method, target, fields in asked:
            expected[method, target, fields] = lasting(await slow.ask(target, *fields, method=method))
    random = Random(5)
    before = ways.answered[True]
    for number in range(60):
        chosen = [random.choice(asked) for _ in range(random.randrange(1, 6))]
        stream = b"".join(
            "\r\n".join([f"{method} {target} HTTP/1.1", "Host: cdn.example", *fields, "", ""]).encode()
            for method, target, fields in chosen
        )
        # Whole streams, streams in random pieces, and one that is sent byte by byte.
        cuts = sorted(random.sample(range(1, len(stream)), number % 4)) if number else list(range(1, 200))
        async with ways.gateway.wire() as wire:
            for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
                await wire.send(stream[start:stop])
                await asyncio.sleep(0)
            for method, target, fields in chosen:
                answer = await wire.answer(head=method == "HEAD")
                assert lasting(answer) == expected[method, target, fields]
    assert ways.answered[True] > before


VALUES: dict[str, tuple[str, ...]] = {
    "Range": (
        "bytes=0-",
        "bytes=5-9",
        "bytes=-7",
        "bytes=9-5",
        "bytes=0-0,4-6",
        "bytes=99999999-",
        "items=1",
        "bytes=,",
    ),
    "If-None-Match": ("*", '"x"', "ETAG", "W/ETAG", 'ETAG, "x"', "garbage"),
    "If-Match": ("*", '"x"', "ETAG", "W/ETAG"),
    "If-Modified-Since": ("DATE", "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2038 00:00:00 GMT", "yesterday"),
    "If-Unmodified-Since": ("DATE", "Sat, 01 Jan 2000 00:00:00 GMT"),
    "If-Range": ("ETAG", "W/ETAG", '"x"', "DATE", "garbage"),
    "Accept-Encoding": ("gzip", "br;q=0.5, gzip", "identity", "*;q=0", "nonsense;;"),
    "Origin": ("https://player.example", "null"),
    "Cache-Control": ("no-cache", "max-age=0"),
    "Connection": ("keep-alive",),
    "Cookie": ("token=x.y.z", "a=b; c"),
    "Authorization": ("Bearer x.y.z", "Basic eA=="),
    "X-Forwarded-For": ("192.0.2.1", "garbage"),
    "CMCD-Request": ("bl=21300",),
    "User-Agent": ("", "player/1"),
}
PATHS = (
    "film/1.m4s",
    "film/small.m4s",
    "film/table.bin",
    "film/index.m3u8",
    "film/nothing.m4s",
    "film/",
    "",
    "live/index.m3u8",
)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_asked(seed: int, ways: Ways) -> None:
    random, token = Random(seed), ways.gateway.token()
    known = await ways.gateway.ask("/open/film/table.bin")
    queries = ("", f"?token={token}", f"?token={token}&x=1", "?token=x.y.z", "?", f"?TOKEN={token}", "?CMCD=bl%3D1")
    for _ in range(25):
        target = f"/{random.choice(['open', 'vod'])}/{random.choice(PATHS)}{random.choice(queries)}"
        chosen = random.sample(sorted(VALUES), random.randrange(4))
        fields = [f"{name}: {random.choice(VALUES[name])}" for name in chosen]
        fields = [each.replace("ETAG", known["etag"]).replace("DATE", known["last-modified"]) for each in fields]
        if "0-0,4-6" not in "".join(fields):  # parts are divided by chance
            await ways.compared(target, *fields, method=random.choice(["GET", "GET", "HEAD"]))
    assert ways.answered[True] > 0


async def test_a_slow_reader_is_waited_for(ways: Ways) -> None:
    """Answers that nobody reads do not pile up: while any of one has not left, no further one is composed."""
    target = b"GET /open/film/1.m4s HTTP/1.1\r\nHost: cdn.example\r\n\r\n"
    await ways.by_lane("/open/film/1.m4s")
    async with ways.gateway.wire() as wire:
        before = ways.answered[True]
        await wire.send(target * 200)
        await asyncio.sleep(0.2)
        # What the kernel takes in for a reader who sleeps is a few megabytes at most.
        assert ways.answered[True] - before < 60
        for _ in range(200):
            assert (await wire.answer()).body == SEGMENT


async def test_a_connection_closes_when_it_is_asked_to(ways: Ways) -> None:
    await ways.by_lane("/open/film/small.m4s")
    async with ways.gateway.wire() as wire:
        await wire.ask("/open/film/small.m4s")
        answer = await wire.ask("/open/film/small.m4s", "Connection: close")
        assert answer["connection"] == "close"
        assert await wire.ended()


async def test_an_unfinished_request_behind_an_answer_has_a_deadline(tmp_path: Path) -> None:
    async with both(tmp_path, public={"header_seconds": 0.3}) as ways:
        await ways.by_lane("/open/film/small.m4s")
        async with ways.gateway.wire() as wire:
            for _ in range(LEARNT):
                await wire.ask("/open/film/small.m4s")
            await wire.send(b"GET /open/film/small.m4s HTTP/1.1\r\nHost: cdn.example\r\n\r\nGET /open/fi")
            assert (await wire.answer()).body == b"abc"
            assert await wire.ended()


async def test_an_idle_connection_ends_after_the_last_answer(tmp_path: Path) -> None:
    async with both(tmp_path, public={"keepalive_seconds": 1.0}) as ways:
        await ways.by_lane("/open/film/small.m4s")
        async with ways.gateway.wire() as wire:
            begun = time.monotonic()
            while time.monotonic() - begun < 1.6:  # longer than an idle connection is kept
                await wire.ask("/open/film/small.m4s")
                await asyncio.sleep(0.1)
            assert await wire.ended()
    assert ways.answered[True] > 5


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with running(tmp_path, server={"fast_lane": False}) as gateway:
        gateway.put("a.m4s", b"abc")
        assert gateway.runtime.lane is None
        assert (await gateway.ask("/open/a.m4s")).body == b"abc"
