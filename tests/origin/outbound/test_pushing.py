"""Purges reach the edges, once they answer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from cache.purges import Purge
from origin.outbound.edge import Answer, Call, Edge, Plan, Send, Verdict
from origin.outbound.nginx import Nginx
from origin.outbound.pushing import EdgePusher, OutboundPurges, Outcome, Pace
from origin.outbound.transport import Transport
from tests.origin.outbound.recording import NOW, prefix, recording, url


@dataclass
class Tally:
    """What was told, and how long was slept."""

    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    def edge_purged(self, edge: str, outcome: Outcome, count: int) -> None:
        self.outcomes[edge, outcome] += count

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def tally() -> Tally:
    return Tally()


def pusher(
    edge: Edge, send: Send, tally: Tally, pace: Pace | None = None, jitter: Callable[[], float] = lambda: 0.0
) -> EdgePusher:
    return EdgePusher(edge, send, tally, pace=pace or Pace(), clock=lambda: NOW, jitter=jitter, sleep=tally.sleep)


def answering(*answers: Answer | Exception) -> tuple[Send, list[Call]]:
    """A `Send` that gives these answers, the last one for ever, and what it was asked."""
    left, asked = list(answers), list[Call]()

    async def send(call: Call) -> Answer:
        asked.append(call)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return send, asked


NGINX = Nginx("local", "http://edge")


async def test_over_the_network_after_it_was_busy(tally: Tally) -> None:
    async with recording() as server:
        transport = Transport()
        server.answers += [web.Response(status=503), web.Response(status=429, headers={"Retry-After": "7"})]
        one = pusher(Nginx("local", server.base), transport.send, tally)
        assert await one.purge([url("/a"), prefix("/b")]) == {Outcome.DONE: 1, Outcome.UNSUPPORTED: 1}
        await transport.close()
    assert server.lines == ["PURGE /a"] * 3
    assert tally.slept == [0.5, 7.0]
    assert tally.outcomes == {("local", Outcome.DONE): 1, ("local", Outcome.UNSUPPORTED): 1}


async def test_what_fails_is_tried_so_often_and_waits_grow(tally: Tally) -> None:
    send, asked = answering(OSError("gone"), TimeoutError("late"), Answer(500))
    one = pusher(NGINX, send, tally, jitter=lambda: 1.0)
    assert await one.purge([url("/a")]) == {Outcome.GAVE_UP: 1}
    assert len(asked) == Pace().attempts
    assert tally.slept == [0.75, 1.5, 3.0, 6.0, 12.0]


async def test_nobody_is_waited_for_longer_than_that(tally: Tally) -> None:
    send, _ = answering(Answer(429, (("Retry-After", "86400"),)), Answer(200))
    assert await pusher(NGINX, send, tally).purge([url("/a")]) == {Outcome.DONE: 1}
    assert tally.slept == [60.0]


async def test_what_is_refused_is_not_tried_again(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    send, asked = answering(Answer(403))
    assert await pusher(NGINX, send, tally).purge([url("/secret")]) == {Outcome.REFUSED: 1}
    assert len(asked) == 1
    assert "not all was purged: {'refused': 1}" in caplog.text
    assert "secret" not in caplog.text


async def test_so_many_calls_at_once(tally: Tally) -> None:
    running = most = 0

    async def send(_call: Call) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Answer(200)

    one = pusher(NGINX, send, tally, Pace(calls_at_once=3))
    assert await one.purge([url(f"/{number}") for number in range(20)]) == {Outcome.DONE: 20}
    assert most == 3


async def running_while(work: Awaitable[object], *pushers: EdgePusher) -> None:
    task = asyncio.create_task(OutboundPurges(pushers).run())
    await work
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_edge_that_hangs_holds_no_other_up(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    async def hang(_call: Call) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    send, asked = answering(Answer(200))
    slow, quick = pusher(Nginx("slow", "http://slow"), hang, tally), pusher(NGINX, send, tally)

    async def work() -> None:
        edges = OutboundPurges([slow, quick])
        for number in range(3):
            edges.push([url(f"/{number}")])
            while tally.outcomes["local", Outcome.DONE] <= number:
                await asyncio.sleep(0)

    await running_while(work(), slow, quick)
    assert [call.url for call in asked] == ["http://edge/0", "http://edge/1", "http://edge/2"]
    assert tally.outcomes == {("local", Outcome.DONE): 3}
    assert "edge slow: 3 purges may not have been brought there" in caplog.text


async def test_too_many_that_wait_are_dropped_oldest_first(tally: Tally) -> None:
    send, asked = answering(Answer(200))
    one = pusher(NGINX, send, tally, Pace(most_waiting=3))
    one.push([url("/0"), url("/1")])
    one.push([url("/2"), url("/3"), url("/4")])
    assert one.waiting == 3
    assert tally.outcomes == {("local", Outcome.DROPPED): 2}

    async def work() -> None:
        while len(asked) < 3:
            await asyncio.sleep(0)

    await running_while(work(), one)
    assert tally.slept == [1.0], "for the other nodes to know"
    assert [call.url for call in asked] == ["http://edge/2", "http://edge/3", "http://edge/4"]


class Broken:
    """An edge with a defect."""

    name = "broken"

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        raise ZeroDivisionError

    def judge(self, answer: Answer) -> Verdict:
        raise NotImplementedError


async def test_a_defect_ends_nothing(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    send, _ = answering(Answer(200))
    one = pusher(Broken(), send, tally)

    async def work() -> None:
        for _ in range(2):
            one.push([url("/a")])
            while one.waiting:
                await asyncio.sleep(0)

    await running_while(work(), one)
    assert caplog.text.count("edge broken: purging failed") == 2
