"""What a Varnish is sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.purges import Purge, PurgeMeaningless, PurgeTable, Scope, canonical
from origin.outbound.edge import Answer, Verdict
from origin.outbound.varnish import Varnish
from tests.origin.outbound.recording import NOW, deliver, prefix, recording_any_method, tag, url


async def test_purges_bans_and_keys() -> None:
    async with recording_any_method() as server:
        edge = Varnish("local", server.base, "cdn.example")
        plan, verdicts = await deliver(
            edge,
            [
                url("/vod/a.ts?v=2"),
                url("/vod/b.ts?v=2", is_soft=False),
                url("/vod/c.ts"),
                prefix("/vod/d"),
                prefix("/vod/e*"),
                prefix("/"),
                tag("s"),
                tag("t"),
                tag("h", is_soft=False),
                tag("two words"),
            ],
        )
    said = [
        (one.method, one.target, {name: value for name, value in one.headers.items() if name.startswith("x")})
        for one in server.asked
    ]
    assert said == [
        ("PURGE", "/vod/a.ts?v=2", {"x-purge-mode": "soft"}),
        ("PURGE", "/vod/b.ts?v=2", {"x-purge-mode": "hard"}),
        ("BAN", "/", {"x-ban-url": r"^/vod/c\.ts(\?|$)"}),
        ("BAN", "/", {"x-ban-url": r"^/vod/d(/|\?|$)"}),
        ("BAN", "/", {"x-ban-url": r"^/vod/e"}),
        ("BAN", "/", {"x-ban-url": "^/"}),
        ("PURGE", "/", {"xkey-softpurge": "s t"}),
        ("PURGE", "/", {"xkey-purge": "h"}),
        ("BAN", "/", {"x-ban-tag": r"(^|[\x20,])two\x20words([\x20,]|$)"}),
    ]
    assert {one.headers["host"] for one in server.asked} == {"cdn.example"}
    assert set(verdicts) == {"done"}
    assert sum(call.purges for call in plan.calls) == 10
    assert plan.unsupported == ()


def test_without_the_module_tags_are_banned() -> None:
    plan = Varnish("local", "http://h", has_xkey=False).plan([tag("a.b")], NOW)
    said = ("X-Ban-Tag", r"(^|[\x20,])a\.b([\x20,]|$)")
    assert [(call.method, call.fields) for call in plan.calls] == [("BAN", (said,))]


def test_many_tags_are_several_calls() -> None:
    plan = Varnish("local", "http://h").plan([tag(f"t{number}") for number in range(120)], NOW)
    assert [call.purges for call in plan.calls] == [50, 50, 20]


@pytest.mark.parametrize(("status", "verdict"), [(200, Verdict.DONE), (404, Verdict.REFUSED), (503, Verdict.LATER)])
def test_answers(status: int, verdict: Verdict) -> None:
    assert Varnish("local", "http://h").judge(Answer(status)) is verdict


_PATHS = st.text("ab.*+(/", min_size=1, max_size=5).map(lambda text: f"/{text}")


@given(st.sampled_from([Scope.URL, Scope.PREFIX]), _PATHS, _PATHS, st.sampled_from(["", "?b=1"]))
def test_a_pattern_means_what_the_purge_means(scope: Scope, value: str, path: str, query: str) -> None:
    try:
        one = Purge(scope, canonical(scope, value), True, NOW, "p")
        target = canonical(Scope.URL, path + query)
    except PurgeMeaningless:
        return
    (call,) = Varnish("local", "http://h").plan([one], NOW).calls
    table = PurgeTable()
    table.apply([one], NOW, is_news=True)
    assert bool(re.search(call.fields[0][1], target)) is bool(table.verdict(target, (), NOW))
