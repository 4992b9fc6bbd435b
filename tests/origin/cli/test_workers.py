from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin import settings
from origin.cli.trouble import ExitCode, Trouble
from origin.cli.workers import Link, part_of_this_process, plan_of, sockets_of, tell_plan, workers_wanted
from origin.server.listeners import Place
from origin.server.orders import Orders
from origin.supervisor.handover import READY, RETIRE, VARIABLE, PlannerPart, WorkerPart
from origin.supervisor.plan import NoPlan, Plan, read_plan
from tests.stories.gateway import PATIENCE


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, int]]:
    """The supervisor's end of a connection, and the descriptor of the other."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    yield ours, theirs.detach()
    ours.close()


def configured(tmp_path: Path, **server: object) -> settings.Settings:
    mounts = [{"prefix": "/open", "storage": "file:media", "access": "open"}]
    return settings.parse({"server": server, "log": {"format": "text"}, "mount": mounts}, tmp_path)


@pytest.mark.parametrize(("text", "expected"), [("auto", "auto"), ("1", 1), ("256", 256)])
def test_so_many_workers_are_wanted(text: str, expected: object) -> None:
    assert workers_wanted(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "257", "two", "1.5", "\u0662", "1000000000000"])
def test_and_never_so_many(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        workers_wanted(text)


def test_a_part_that_no_supervisor_gave_is_a_mistake() -> None:
    assert part_of_this_process({}) is None
    assert part_of_this_process({VARIABLE: "planner control=5"}) == PlannerPart(5)
    with pytest.raises(Trouble) as told:
        part_of_this_process({VARIABLE: "1"})
    assert told.value.code is ExitCode.USAGE


def test_the_supervisor_is_told_what_it_needs(tmp_path: Path) -> None:
    plan = plan_of(configured(tmp_path, drain_seconds=3.0), 4)
    places = Place("127.0.0.1", 8080), Place("127.0.0.1", 9080)
    assert plan == Plan(4, 3.0, *places, ("/open",), "info", "text")
    assert 1 <= plan_of(configured(tmp_path), "auto").workers <= len(os.sched_getaffinity(0))


def test_a_planner_tells_the_plan(tmp_path: Path, pair: tuple[socket.socket, int]) -> None:
    plan = plan_of(configured(tmp_path), 2)
    tell_plan(PlannerPart(pair[1]), lambda: plan)
    assert read_plan(pair[0].recv(65536).decode()) == plan
    assert pair[0].recv(1) == b""


def test_a_planner_tells_what_is_wrong(pair: tuple[socket.socket, int]) -> None:
    def fail() -> Plan:
        raise Trouble(ExitCode.USAGE, "mount: is missing", "log.level: is wrong")

    tell_plan(PlannerPart(pair[1]), fail)
    assert read_plan(pair[0].recv(65536).decode()) == NoPlan(("mount: is missing", "log.level: is wrong"))


def test_a_worker_finds_its_sockets() -> None:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [one.getsockname()[1] for one in opened]
    numbers = [one.detach() for one in opened]
    sockets = sockets_of(WorkerPart(99, (numbers[0], numbers[1]), (numbers[2],)))
    assert [one.getsockname()[1] for one in (*sockets.public, *sockets.admin)] == ports
    for one in (*sockets.public, *sockets.admin):
        one.close()


async def test_a_link_carries_words_both_ways(pair: tuple[socket.socket, int]) -> None:
    link, orders = Link(WorkerPart(pair[1], (), ())), Orders()
    assert not os.get_inheritable(pair[1])
    with link.followed(orders):
        link.say_ready()
        assert await asyncio.to_thread(pair[0].recv, 16) == READY
        pair[0].sendall(RETIRE)
        await asyncio.wait_for(orders.end.wait(), PATIENCE)
    assert orders.is_replaced
    assert pair[0].recv(1) == b""


async def test_nobody_serves_without_a_supervisor(pair: tuple[socket.socket, int]) -> None:
    link, orders = Link(WorkerPart(pair[1], (), ())), Orders()
    with link.followed(orders):
        pair[0].close()
        await asyncio.wait_for(orders.end.wait(), PATIENCE)
        link.say_ready()
    assert (orders.is_replaced, orders.hurry.is_set()) == (False, False)
