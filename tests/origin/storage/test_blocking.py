from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from origin.storage.blocking import BlockingCalls
from origin.storage.store import StoreUnavailable


@pytest.fixture
def blocking() -> Iterator[BlockingCalls]:
    calls = BlockingCalls("test", threads=1, timeout_seconds=30)
    yield calls
    calls.close()


class Slow:
    """A call that goes on until it is let go."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.may_end = threading.Event()
        self.given_back = threading.Event()

    def __call__(self) -> str:
        self.started.set()
        assert self.may_end.wait(30)
        return "late"

    def take_back(self, result: str) -> None:
        assert result == "late"
        self.given_back.set()


async def test_runs_in_a_thread_and_returns(blocking: BlockingCalls) -> None:
    name = await blocking.run(lambda: threading.current_thread().name)
    assert name.startswith("test")


async def test_errors_come_through(blocking: BlockingCalls) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await blocking.run(fail)


async def test_a_result_that_was_taken_is_not_given_back(blocking: BlockingCalls) -> None:
    given_back: list[int] = []
    assert await blocking.run(lambda: 1, give_back=given_back.append) == 1
    await blocking.run(lambda: None)
    assert given_back == []


async def test_too_slow_is_unavailable_and_the_late_result_is_given_back() -> None:
    blocking = BlockingCalls("test", threads=1, timeout_seconds=0.01)
    slow = Slow()
    with pytest.raises(StoreUnavailable):
        await blocking.run(slow, give_back=slow.take_back)
    assert not slow.given_back.is_set()
    slow.may_end.set()
    assert await asyncio.to_thread(slow.given_back.wait, 30)
    blocking.close()


async def test_waiting_for_a_thread_counts_as_too_slow() -> None:
    blocking = BlockingCalls("test", threads=1, timeout_seconds=0.01)
    slow = Slow()
    calls: list[int] = []
    results = await asyncio.gather(blocking.run(slow), blocking.run(lambda: calls.append(1)), return_exceptions=True)
    slow.may_end.set()
    blocking.close()
    assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]
    assert calls == []


async def test_the_result_of_a_cancelled_call_is_given_back(blocking: BlockingCalls) -> None:
    slow = Slow()
    task = asyncio.create_task(blocking.run(slow, give_back=slow.take_back))
    await asyncio.to_thread(slow.started.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.may_end.set()
    assert await asyncio.to_thread(slow.given_back.wait, 30)


async def test_a_call_that_fails_after_its_caller_left_is_dropped(blocking: BlockingCalls) -> None:
    slow = Slow()

    def fail() -> str:
        slow()
        raise OSError

    task = asyncio.create_task(blocking.run(fail, give_back=slow.take_back))
    await asyncio.to_thread(slow.started.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.may_end.set()
    await blocking.run(lambda: None)
    assert not slow.given_back.is_set()


async def test_closed_takes_no_more_calls(blocking: BlockingCalls) -> None:
    blocking.close()
    blocking.close()
    with pytest.raises(StoreUnavailable):
        await blocking.run(lambda: None)
