"""The lane as a whole, over a running gateway's parts: what it says, counts and logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from origin.lane.lane import Lane
from tests.stories.gateway import Gateway, running

FIELDS = b"Host: cdn.example\r\nUser-Agent: player/1\r\n\r\n"


def request(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\n".encode() + FIELDS


async def known(gateway: Gateway, target: str, method: str = "GET") -> Lane:
    """The lane, once it has seen the request often enough."""
    lane = gateway.runtime.lane
    assert lane is not None
    async with gateway.wire() as wire:
        for _ in range(4):
            await wire.ask(target, "User-Agent: player/1", method=method)
    return lane


async def test_it_answers_one_request_of_several(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a.ts", b"abc")
        lane = await known(gateway, "/open/a.ts")
        visitor = lane.visitor("192.0.2.1", None, secure=False)
        data = b"xx" + request("/open/a.ts") + request("/open/a.ts", "HEAD") + request("/open/b.ts")
        first = lane.answer(data, 2, visitor)
        assert first is not None
        assert first.block.endswith(b"\r\n\r\nabc")
        second = lane.answer(data, first.end, visitor)
        assert second is not None
        assert second.block.endswith(b"GMT\r\n\r\n")
        assert lane.answer(data, second.end, visitor) is None
        assert lane.answer(data, len(data), visitor) is None


@pytest.mark.parametrize(
    ("taught", "asked"),
    [
        (
            b"\r\nGET /open/a.ts HTTP/1.1\r\n" + FIELDS,
            b"GET /open/a.ts HTTP/1.1\r\nGET /open/a.ts HTTP/1.1\r\n" + FIELDS,
        ),
        (request("/open/%61.ts"), request("/open/%61.ts")),
    ],
)
async def test_only_what_follows_a_plain_line_is_learnt(taught: bytes, asked: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a.ts", b"abc")
        lane = gateway.runtime.lane
        assert lane is not None
        async with gateway.wire() as wire:
            for _ in range(4):
                await wire.send(taught)
                assert (await wire.answer()).body == b"abc"
        assert lane.answer(asked, 0, lane.visitor("192.0.2.1", None, secure=False)) is None


async def test_it_counts_and_logs_as_the_ordinary_way_does(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with running(tmp_path, log={"access": True}) as gateway:
        gateway.put("film/a.m4s", b"abc")
        gateway.put("film/index.m3u8", b"#EXTM3U\n#EXTINF:4,\na.m4s\n#EXT-X-ENDLIST\n")
        token = gateway.token()
        for target in (f"/vod/film/a.m4s?token={token}", f"/vod/film/index.m3u8?token={token}", "/open/film/a.m4s"):
            async with gateway.wire() as wire:
                for _ in range(6):
                    await wire.ask(target, "User-Agent: player/1")
        counted = [
            await gateway.metric('headgate_requests_total{code="200",kind="segment",mount="/vod"}'),
            await gateway.metric('headgate_requests_total{code="200",kind="media_playlist",mount="/vod"}'),
            await gateway.metric('headgate_token_decisions_total{dialect="jwt",mount="/vod",reason="ok"}'),
            await gateway.metric('headgate_sent_bytes_total{kind="segment",mount="/open"}'),
        ]
        lookups = [
            await gateway.metric(f'headgate_cache_outcomes_total{{outcome="{word}"}}')
            for word in ("hit", "miss", "stale")
        ]
    assert counted == [6, 6, 12, 18]
    assert sum(lookups) == 6
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert len(lines) == 18
    kept = [
        {name: value for name, value in line.items() if name not in {"@timestamp", "event.duration", "headgate.cache"}}
        for line in lines
    ]
    ids = {line.pop("headgate.request_id") for line in kept}
    assert len(ids) == 18
    for first in (0, 6, 12):
        assert kept[first : first + 6] == [kept[first]] * 6
    assert token not in repr(lines)
