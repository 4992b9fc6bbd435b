from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.entry import Entry, Lifetime
from cache.key import CacheKey
from cache.l1_memory import OVERHEAD_BYTES, MemoryTier

CAPACITY = 4 * OVERHEAD_BYTES
LARGEST = 2 * OVERHEAD_BYTES
KEYS = st.integers(0, 5).map(lambda number: CacheKey("n", str(number)))


def entry(value: str = "value") -> Entry[str]:
    return Entry(value, 0.0, Lifetime(1))


class AgainstModel(RuleBasedStateMachine):
    """Beside a dictionary in the order of use."""

    def __init__(self) -> None:
        super().__init__()
        self.tier = MemoryTier[str](CAPACITY, LARGEST)
        self.model: OrderedDict[CacheKey, tuple[Entry[str], int]] = OrderedDict()
        self.written = 0

    @rule(key=KEYS, size=st.integers(0, OVERHEAD_BYTES * 2))
    def put(self, key: CacheKey, size: int) -> None:
        self.written += 1
        new = entry(str(self.written))
        self.model.pop(key, None)
        evicted: int | None = None
        if size + OVERHEAD_BYTES <= LARGEST:
            self.model[key] = (new, size + OVERHEAD_BYTES)
            evicted = 0
            while sum(weight for _, weight in self.model.values()) > CAPACITY:
                self.model.popitem(last=False)
                evicted += 1
        assert self.tier.put(key, new, size) == evicted

    @rule(key=KEYS)
    def get(self, key: CacheKey) -> None:
        expected = self.model.get(key)
        if expected is not None:
            self.model.move_to_end(key)
        assert self.tier.get(key) is (None if expected is None else expected[0])

    @rule(key=KEYS)
    def drop(self, key: CacheKey) -> None:
        self.model.pop(key, None)
        self.tier.drop(key)

    @invariant()
    def sizes_agree(self) -> None:
        assert len(self.tier) == len(self.model)
        assert self.tier.size_bytes == sum(weight for _, weight in self.model.values()) <= CAPACITY


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=40)


def test_by_default_one_entry_may_take_an_eighth() -> None:
    tier = MemoryTier[str](80 * OVERHEAD_BYTES)
    assert tier.put(CacheKey("n", "fits"), entry(), 9 * OVERHEAD_BYTES) == 0
    assert tier.put(CacheKey("n", "too large"), entry(), 9 * OVERHEAD_BYTES + 1) is None
    assert tier.get(CacheKey("n", "too large")) is None


def test_what_cannot_be_kept_displaces_its_own_key_only() -> None:
    tier = MemoryTier[str](CAPACITY, LARGEST)
    tier.put(CacheKey("n", "a"), entry("old"), 0)
    tier.put(CacheKey("n", "b"), entry("other"), 0)
    assert tier.put(CacheKey("n", "a"), entry("new"), CAPACITY) is None
    assert tier.get(CacheKey("n", "a")) is None
    assert tier.get(CacheKey("n", "b")) == entry("other")


@pytest.mark.parametrize("largest", [-1, CAPACITY + 1])
def test_an_entry_larger_than_all_makes_no_sense(largest: int) -> None:
    with pytest.raises(ValueError, match="largest"):
        MemoryTier[str](CAPACITY, largest)
