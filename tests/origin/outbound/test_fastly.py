"""What Fastly is sent."""

from __future__ import annotations

import json

from origin.outbound.edge import Answer, Verdict
from origin.outbound.fastly import Fastly
from tests.origin.outbound.recording import NOW, deliver, prefix, recording, tag, url

KEY = "fastly-secret"


async def test_urls_keys_and_everything() -> None:
    async with recording((200, b'{"status": "ok"}')) as server:
        edge = Fastly("fastly", "SERVICE", KEY, (server.base,), server.base)
        purges = [
            url("/vod/a.ts?v=2"),
            url("/vod/b.ts", is_soft=False),
            tag("s"),
            tag("t"),
            tag("h", is_soft=False),
            tag("two words"),
            prefix("/vod"),
            prefix("/"),
        ]
        plan, verdicts = await deliver(edge, purges)
    assert server.lines == [
        "PURGE /vod/a.ts?v=2",
        "PURGE /vod/b.ts",
        "POST /service/SERVICE/purge_all",
        "POST /service/SERVICE/purge",
        "POST /service/SERVICE/purge",
    ]
    assert {one.headers["fastly-key"] for one in server.asked} == {KEY}
    assert [one.headers.get("fastly-soft-purge") for one in server.asked] == ["1", None, None, "1", None]
    assert [json.loads(one.body)["surrogate_keys"] for one in server.asked[3:]] == [["s", "t"], ["h"]]
    assert server.asked[3].headers["content-type"] == "application/json"
    assert set(verdicts) == {"done"}
    assert [one.value for one in plan.unsupported] == ["/vod", "two words"]


def test_as_many_keys_in_a_call_as_it_takes() -> None:
    plan = Fastly("fastly", "S", KEY, ()).plan([tag(f"t{number}") for number in range(600)], NOW)
    assert [call.purges for call in plan.calls] == [256, 256, 88]


def test_each_site_is_told() -> None:
    plan = Fastly("fastly", "S", KEY, ("https://a", "https://b")).plan([url("/x")], NOW)
    assert [call.url for call in plan.calls] == ["https://a/x", "https://b/x"]


def test_answers_and_secrets() -> None:
    edge = Fastly("fastly", "S", KEY, ("https://a",))
    assert edge.judge(Answer(429)) is Verdict.LATER
    assert edge.judge(Answer(401)) is Verdict.REFUSED
    assert KEY not in repr(edge) + repr(edge.plan([url("/x"), tag("t"), prefix("/")], NOW))
