from __future__ import annotations

from cache.cooldown import Cooldown
from cache.key import CacheKey

KEY = CacheKey("n", "a")
OTHER = CacheKey("n", "b")


def test_rests_for_its_time() -> None:
    cooldown = Cooldown[CacheKey](2)
    assert not cooldown.holds(KEY, 10)
    cooldown.start(KEY, 10)
    assert cooldown.holds(KEY, 10)
    assert cooldown.holds(KEY, 11.5)
    assert not cooldown.holds(OTHER, 11.5)
    assert not cooldown.holds(KEY, 12)
    assert not cooldown.holds(KEY, 11.5), "once over, it stays over"


def test_a_new_failure_begins_a_new_rest() -> None:
    cooldown = Cooldown[CacheKey](2)
    cooldown.start(KEY, 10)
    cooldown.start(KEY, 11)
    assert cooldown.holds(KEY, 12.5)


def test_a_clock_set_back_does_not_stretch_it() -> None:
    cooldown = Cooldown[CacheKey](2)
    cooldown.start(KEY, 10_000)
    assert not cooldown.holds(KEY, 10)


def test_at_most_so_many_rest_the_newest() -> None:
    cooldown = Cooldown[CacheKey](60, limit=2)
    keys = [CacheKey("n", str(number)) for number in range(4)]
    for key in keys:
        cooldown.start(key, 0)
    cooldown.start(keys[2], 1)
    assert [cooldown.holds(key, 1) for key in keys] == [False, False, True, True]


def test_no_rest_at_all() -> None:
    cooldown = Cooldown[CacheKey](0)
    cooldown.start(KEY, 10)
    assert not cooldown.holds(KEY, 10)
