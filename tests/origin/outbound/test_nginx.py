"""What nginx's purge module is sent."""

from __future__ import annotations

import pytest

from origin.outbound.edge import Answer, Verdict
from origin.outbound.nginx import Nginx
from tests.origin.outbound.recording import NOW, deliver, prefix, recording, tag, url


async def test_urls_one_by_one() -> None:
    async with recording() as server:
        edge = Nginx("local", server.base, "cdn.example")
        purges = [url("/vod/a%20b.ts"), url("/vod/a.ts?v=2"), prefix("/vod"), tag("t")]
        plan, verdicts = await deliver(edge, purges)
    assert server.lines == ["PURGE /vod/a%20b.ts", "PURGE /vod/a.ts?v=2"]
    assert {one.headers["host"] for one in server.asked} == {"cdn.example"}
    assert verdicts == ["done", "done"]
    assert plan.unsupported == tuple(purges[2:])


async def test_globs_where_it_knows_them() -> None:
    async with recording() as server:
        edge = Nginx("local", server.base, has_globs=True)
        plan, _ = await deliver(
            edge, [url("/a"), url("/a?v=2"), prefix("/vod"), prefix("/vod/a*"), prefix("/"), tag("t")]
        )
    assert server.lines == [
        "PURGE /a",
        "PURGE /a?*",
        "PURGE /a?v=2",
        "PURGE /vod",
        "PURGE /vod/*",
        "PURGE /vod/a*",
        "PURGE /*",
    ]
    assert server.asked[0].headers["host"] in server.base
    assert [one.value for one in plan.unsupported] == ["t"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.DONE), (404, Verdict.DONE), (412, Verdict.DONE), (403, Verdict.REFUSED), (502, Verdict.LATER)],
)
def test_what_was_not_there_is_purged(status: int, verdict: Verdict) -> None:
    edge = Nginx("local", "http://127.0.0.1")
    assert edge.judge(Answer(status)) is verdict
    assert edge.plan([], NOW).calls == ()
