"""What Cloudflare is sent."""

from __future__ import annotations

import json

import pytest

from origin.outbound.cloudflare import Cloudflare
from origin.outbound.edge import Answer, Verdict
from tests.origin.outbound.recording import NOW, deliver, prefix, recording, tag, url

TOKEN = "cloudflare-secret"
GOOD = b'{"success": true, "errors": [], "messages": [], "result": {"id": "z"}}'


async def test_files_prefixes_and_tags() -> None:
    async with recording((200, GOOD)) as server:
        edge = Cloudflare("cf", "ZONE", TOKEN, ("https://cdn.example", "https://b.example"), server.base)
        purges = [
            url("/vod/a.ts?v=2"),
            prefix("/vod"),
            prefix("/live/*"),
            prefix("/vod/a*"),
            prefix("/a?b=/*"),
            prefix("/"),
            tag("t"),
            tag("two words"),
            tag("a,b"),
        ]
        plan, verdicts = await deliver(edge, purges)
    assert server.lines == ["POST /zones/ZONE/purge_cache"] * 3
    assert [json.loads(one.body) for one in server.asked] == [
        {"files": ["https://cdn.example/vod/a.ts?v=2", "https://b.example/vod/a.ts?v=2"]},
        {
            "prefixes": [
                "cdn.example/vod",
                "b.example/vod",
                "cdn.example/live/",
                "b.example/live/",
                "cdn.example/",
                "b.example/",
            ]
        },
        {"tags": ["t", "two words"]},
    ]
    assert {one.headers["authorization"] for one in server.asked} == {f"Bearer {TOKEN}"}
    assert {one.headers["content-type"] for one in server.asked} == {"application/json"}
    assert verdicts == ["done"] * 3
    assert [one.value for one in plan.unsupported] == ["/vod/a*", "/a?b=/*", "a,b"]


def test_thirty_in_a_call() -> None:
    plan = Cloudflare("cf", "Z", TOKEN, ("https://a",)).plan([url(f"/{number}") for number in range(70)], NOW)
    assert [len(json.loads(call.body)["files"]) for call in plan.calls] == [30, 30, 10]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, body=GOOD), Verdict.DONE),
        (Answer(200, body=b'{"success": false, "errors": [{"code": 1}]}'), Verdict.REFUSED),
        (Answer(200, body=b"[]"), Verdict.REFUSED),
        (Answer(200, body=b"<html>"), Verdict.LATER),
        (Answer(200, body=b"[" * 50_000), Verdict.LATER),
        (Answer(400, body=b'{"success": false}'), Verdict.REFUSED),
        (Answer(429, body=b""), Verdict.LATER),
    ],
)
def test_answers(answer: Answer, verdict: Verdict) -> None:
    assert Cloudflare("cf", "Z", TOKEN, ()).judge(answer) is verdict


def test_the_token_is_not_shown() -> None:
    edge = Cloudflare("cf", "Z", TOKEN, ("https://a",))
    assert TOKEN not in repr(edge) + repr(edge.plan([url("/x")], NOW))
