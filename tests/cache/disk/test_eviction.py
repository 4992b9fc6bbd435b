from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.disk.eviction import Queue, make_room, queue_for_new
from tests.cache.disk.queues import ALL, Lru, MemoryQueues

CAPACITY = 100


def test_the_new_wait_in_the_small_queue_and_ghosts_do_not() -> None:
    assert queue_for_new(is_ghost=False) is Queue.SMALL
    assert queue_for_new(is_ghost=True) is Queue.MAIN


@pytest.mark.parametrize(("hits", "is_promoted"), [(0, False), (1, False), (2, True), (3, True)])
def test_what_is_asked_for_twice_while_it_waits_is_promoted(hits: int, is_promoted: bool) -> None:
    queues = MemoryQueues(CAPACITY)
    for _ in range(1 + hits):
        queues.ask(1)
    for name in range(2, 2 + CAPACITY):
        queues.ask(name)
    assert (1 in queues.queues[Queue.MAIN]) is is_promoted


def test_what_comes_back_as_a_ghost_goes_into_the_main_queue() -> None:
    queues = MemoryQueues(CAPACITY)
    for name in range(CAPACITY + 1):
        queues.ask(name)
    assert queues.evictions == [(0, Queue.SMALL)]
    queues.ask(0)
    assert list(queues.queues[Queue.MAIN]) == [0]
    assert 0 not in queues.ghosts


def test_the_main_queue_gives_one_more_round_for_each_hit() -> None:
    queues = MemoryQueues(4)
    for name in (1, 1, 1, 2, 2, 2, 3, 4):
        queues.ask(name)
    queues.ask(5)  # pushes 1 and 2 up, and 3 out
    assert list(queues.queues[Queue.MAIN]) == [1, 2]
    queues.ask(1)
    make_room(queues, capacity_bytes=4, most_bytes=1, steps=ALL)
    assert [name for name, _ in queues.evictions] == [3, 4, 5, 2]
    assert [entry.frequency for entry in queues.queues[Queue.MAIN].values()] == [0]


def test_a_scan_of_things_that_are_wanted_once_leaves_the_hot_ones_alone() -> None:
    queues = MemoryQueues(CAPACITY)
    hot = range(50)
    for _ in range(4):
        for name in hot:
            queues.ask(name)
    for name in range(1000, 11_000):
        queues.ask(name)
    assert [name for name in hot if not queues.ask(name)] == []


def workload(requests: int, seed: int) -> Iterator[int]:
    """Zipf over 2,000 objects, interrupted now and then by a scan of 150 that are never asked for again."""
    dice = random.Random(seed)
    names = list(range(2000))
    weights = [1 / (rank + 1) for rank in range(len(names))]
    scanned = 1_000_000
    for batch in range(requests // 250):
        yield from dice.choices(names, weights, k=250)
        if batch % 2:
            yield from range(scanned, scanned + 150)
            scanned += 150


def test_more_is_found_than_with_lru_where_scans_come_between() -> None:
    queues, lru, total = MemoryQueues(CAPACITY), Lru(CAPACITY), 0
    found, found_by_lru = 0, 0
    for name in workload(10_000, seed=4):
        total += 1
        found += queues.ask(name)
        found_by_lru += lru.ask(name)
    assert found > 1.15 * found_by_lru, f"{found} and {found_by_lru} of {total}"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), max_size=200),
    st.integers(30, 120),
)
def test_there_is_never_more_than_fits_and_nothing_is_lost_without_need(
    asked: list[tuple[int, int]], capacity: int
) -> None:
    queues = MemoryQueues(capacity)
    for name, size in asked:
        before = sum(map(queues.size_bytes, Queue))
        evictions = len(queues.evictions)
        was_there = queues.ask(name, size)
        assert sum(map(queues.size_bytes, Queue)) <= capacity
        assert any(name in waiting for waiting in queues.queues.values())
        if was_there or before + size <= capacity:
            assert len(queues.evictions) == evictions
        assert not set(queues.queues[Queue.SMALL]) & set(queues.queues[Queue.MAIN])


def test_everything_goes_when_nothing_may_stay() -> None:
    queues = MemoryQueues(CAPACITY)
    for name in (1, 1, 1, 1, 2, 3, 3):
        queues.ask(name)
    make_room(queues, capacity_bytes=CAPACITY, most_bytes=-1, steps=ALL)
    assert sum(map(queues.size_bytes, Queue)) == 0


def test_a_long_way_is_gone_in_parts() -> None:
    queues = MemoryQueues(CAPACITY)
    for name in range(10):
        queues.ask(name)
    made = [make_room(queues, capacity_bytes=CAPACITY, most_bytes=3, steps=4) for _ in range(2)]
    assert made == [False, True]
    assert [name for name, _ in queues.evictions] == list(range(7))
