from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.storage.descriptors import DescriptorCache
from origin.storage.filesystem import FilesystemStore
from origin.storage.store import StoredObject, StoreUnavailable
from tests.clock import Clock
from tests.contracts.descriptors import descriptors_below, eventually
from tests.contracts.readers import Gate
from tests.contracts.store import Stage, StoreContract, opened, whole

T = TypeVar("T")


@pytest.fixture
async def gate() -> Gate:
    gate = Gate()
    for number in range(10):
        gate.store.put(str(number), str(number).encode())
    return gate


@pytest.fixture
async def cache(gate: Gate, clock: Clock) -> DescriptorCache:
    return DescriptorCache(gate, clock=clock, max_open=3, valid_seconds=10.0)


class TestDescriptorCacheOverFiles(StoreContract):
    @pytest.fixture
    async def stage(self, tmp_path: Path, clock: Clock) -> Stage:
        root = tmp_path / "root"
        root.mkdir()

        async def put(path: str, data: bytes) -> None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "fresh").write_bytes(data)
            (tmp_path / "fresh").rename(root / path)

        async def delete(path: str) -> None:
            (root / path).unlink()

        reader = DescriptorCache(FilesystemStore(root), clock=clock, max_open=5)
        return Stage(reader, put, delete, lambda: later(clock))


class TestDescriptorCacheOverMemory(StoreContract):
    @pytest.fixture
    async def stage(self, gate: Gate, cache: DescriptorCache, clock: Clock) -> Stage:
        async def put(path: str, data: bytes) -> None:
            gate.store.put(path, data)

        async def delete(path: str) -> None:
            gate.store.delete(path)

        return Stage(cache, put, delete, lambda: later(clock))


def later(clock: Clock) -> None:
    clock.advance(10)


def without_waiting(work: Coroutine[object, None, T]) -> T:
    """The result of a coroutine that never gives up control."""
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise AssertionError("it had to wait")


# Hits


async def test_a_hit_needs_no_wait_and_no_open(gate: Gate, cache: DescriptorCache) -> None:
    first = await opened(cache, "1")
    second = without_waiting(cache.open("1"))
    third = cache.peek("1")
    assert second is not None
    assert third is not None
    assert gate.opens == 1
    for found in (first, second, third):
        assert await whole(found) == b"1"
        found.release()
    assert gate.open_now == 1


async def test_peek_knows_only_what_is_kept(gate: Gate, cache: DescriptorCache) -> None:
    assert cache.peek("1") is None
    (await opened(cache, "1")).release()
    found = cache.peek("1")
    assert found is not None
    found.release()
    assert cache.peek("2") is None
    assert gate.opens == 1


async def test_valid_until_the_bound_and_not_longer(gate: Gate, cache: DescriptorCache, clock: Clock) -> None:
    (await opened(cache, "1")).release()
    gate.store.put("1", b"replaced")
    clock.advance(9.5)
    found = await opened(cache, "1")
    assert await whole(found) == b"1"
    found.release()
    clock.advance(0.5)
    assert cache.peek("1") is None
    assert gate.open_now == 0
    found = await opened(cache, "1")
    assert await whole(found) == b"replaced"
    found.release()


async def test_the_bound_runs_from_before_the_look(gate: Gate, cache: DescriptorCache, clock: Clock) -> None:
    gate.may_open.clear()
    opening = asyncio.create_task(opened(cache, "1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(10)
    gate.may_open.set()
    (await opening).release()
    assert cache.peek("1") is None


async def test_overwritten_in_place_is_never_a_hit(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "a").write_bytes(b"first")
    cache = DescriptorCache(FilesystemStore(tmp_path), clock=clock)
    held = await opened(cache, "a")
    (tmp_path / "a").write_bytes(b"overwritten")
    assert cache.peek("a") is None
    found = await opened(cache, "a")
    assert await whole(found) == b"overwritten"
    assert not held.is_unchanged()
    for each in (held, found):
        each.release()
    await cache.close()


# Sharing one look


async def test_concurrent_opens_share_one_look(gate: Gate, cache: DescriptorCache) -> None:
    found = await asyncio.gather(*(opened(cache, "1") for _ in range(50)))
    assert gate.opens == 1
    for each in found:
        each.release()
    await cache.close()
    assert gate.open_now == 0


async def test_trouble_is_shared_and_not_kept(gate: Gate, cache: DescriptorCache) -> None:
    gate.is_away = True
    results = await asyncio.gather(*(cache.open("1") for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 5
    assert gate.opens == 1
    with pytest.raises(StoreUnavailable):
        await cache.probe()
    gate.is_away = False
    await cache.probe()
    (await opened(cache, "1")).release()


async def test_absence_found_before_the_call_is_looked_up_again(gate: Gate, cache: DescriptorCache) -> None:
    gate.may_open.clear()
    early = asyncio.create_task(cache.open("new"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.store.put("new", b"published")
    late = [asyncio.create_task(opened(cache, "new")) for _ in range(5)]
    await asyncio.sleep(0)
    gate.may_open.set()
    assert await early is None
    for found in await asyncio.gather(*late):
        assert await whole(found) == b"published"
        found.release()
    assert gate.opens == 2


# The bound


async def test_no_more_than_the_bound_is_kept(gate: Gate, cache: DescriptorCache) -> None:
    found = await asyncio.gather(*(opened(cache, str(at % 10)) for at in range(100)))
    assert gate.open_now == 10
    for each in found:
        each.release()
    assert gate.open_now == 3
    await cache.close()
    assert gate.open_now == 0


async def test_nothing_is_kept_with_a_bound_of_none(gate: Gate, clock: Clock) -> None:
    cache = DescriptorCache(gate, clock=clock, max_open=0)
    found = await asyncio.gather(*(opened(cache, "1") for _ in range(5)))
    assert [await whole(each) for each in found] == [b"1"] * 5
    for each in found:
        each.release()
    assert gate.open_now == 0


async def test_the_oldest_check_goes_first(gate: Gate, cache: DescriptorCache) -> None:
    for path in ("1", "2", "3", "1", "4"):
        (await opened(cache, path)).release()
    assert [path for path in "1234" if cache.peek(path)] == ["2", "3", "4"]


async def test_evicted_objects_close_at_the_last_release(gate: Gate, cache: DescriptorCache) -> None:
    first, second = await opened(cache, "1"), await opened(cache, "1")
    for path in "234":
        (await opened(cache, path)).release()
    assert cache.peek("1") is None
    assert gate.open_now == 4
    first.release()
    first.release()
    assert await whole(second) == b"1"
    assert gate.open_now == 4
    second.release()
    assert gate.open_now == 3


async def test_what_has_expired_is_dropped_by_other_opens_and_probes(
    gate: Gate, cache: DescriptorCache, clock: Clock
) -> None:
    for path in "12":
        (await opened(cache, path)).release()
    clock.advance(10)
    (await opened(cache, "3")).release()
    assert gate.open_now == 1
    clock.advance(10)
    await cache.probe()
    assert gate.open_now == 0


# Cancellation and close


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("open_first", [False, True])
async def test_cancelling_one_caller_anywhere_harms_no_other(
    gate: Gate, cache: DescriptorCache, turns: int, open_first: bool
) -> None:
    gate.may_open.clear()
    callers = [asyncio.create_task(opened(cache, "1")) for _ in range(3)]
    for turn in range(turns):
        if open_first and turn == 2:
            gate.may_open.set()
        await asyncio.sleep(0)
    callers[0].cancel()
    gate.may_open.set()
    first, *others = await asyncio.gather(*callers, return_exceptions=True)
    for found in others:
        assert not isinstance(found, BaseException)
        assert await whole(found) == b"1"
        found.release()
    if not isinstance(first, BaseException):
        first.release()
    assert gate.opens == 1
    await cache.close()
    assert gate.open_now == 0


@pytest.mark.parametrize("is_away", [False, True])
@pytest.mark.parametrize("turns", range(8))
async def test_when_every_caller_is_cancelled_nothing_leaks(
    gate: Gate, cache: DescriptorCache, turns: int, is_away: bool
) -> None:
    gate.is_away = is_away
    gate.may_open.clear()
    callers = [asyncio.create_task(cache.open("1")) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    gate.may_open.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await cache.close()
    assert gate.open_now == 0


async def test_close_waits_for_looks_and_leaves_leases_alone(gate: Gate, cache: DescriptorCache) -> None:
    held = await opened(cache, "1")
    gate.may_open.clear()
    opening = asyncio.create_task(opened(cache, "2"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing = asyncio.create_task(cache.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.may_open.set()
    await closing
    assert gate.is_closed
    late = await opening
    assert [await whole(each) for each in (held, late)] == [b"1", b"2"]
    assert gate.open_now == 2
    for each in (held, late):
        each.release()
    assert gate.open_now == 0


# Everything together


async def test_no_descriptor_leaks(tmp_path: Path, clock: Clock) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(20):
        (root / str(number)).write_bytes(str(number).encode())

    cache = DescriptorCache(FilesystemStore(root), clock=clock, max_open=4, valid_seconds=10.0)

    async def view(at: int) -> None:
        found = await opened(cache, str(at % 20))
        try:
            assert await whole(found) == str(at % 20).encode()
        finally:
            found.release()

    for at in range(5):
        views = [asyncio.create_task(view(at + step)) for step in range(60)]
        for caller in views[::3]:
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.gather(*views, return_exceptions=True)
        await eventually(lambda: len(descriptors_below(root)) <= 4)
        clock.advance(10)
    await cache.close()
    await eventually(lambda: not descriptors_below(root))


STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "release", "advance", "put", "delete", "probe"]), st.integers(0, 5)),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_leases_stay_good_and_the_bound_holds(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        gate, clock = Gate(), Clock()
        cache = DescriptorCache(gate, clock=clock, max_open=2, valid_seconds=15.0)
        held: list[tuple[StoredObject, bytes]] = []
        for serial, (step, number) in enumerate(steps):
            if step == "open" and (found := await cache.open(str(number))):
                held.append((found, await whole(found)))
            elif step == "release" and held:
                held.pop(number % len(held))[0].release()
            elif step == "advance":
                clock.advance(10)
            elif step == "put":
                gate.store.put(str(number), b"%d" % serial)
            elif step == "delete":
                gate.store.delete(str(number))
            elif step == "probe":
                await cache.probe()
            assert gate.open_now <= 2 + len(held)
            for found, data in held:
                assert await whole(found) == data
        await cache.close()
        for found, _ in held:
            found.release()
        assert gate.open_now == 0

    asyncio.run(play())
