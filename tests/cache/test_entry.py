from __future__ import annotations

from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import entry as entry_module
from cache.entry import PACKED_VERSION, Entry, Lifetime, pack, unpack
from cache.key import CacheKey
from tests.cache.sources import TextCodec

KEY = CacheKey("manifest", "/vod/a.m3u8")
CODEC = TextCodec()
SECONDS = st.floats(0, 1e9)
ENTRIES = st.builds(
    Entry,
    st.text(max_size=50),
    st.floats(allow_nan=False, allow_infinity=False),
    st.builds(Lifetime, SECONDS, SECONDS, SECONDS),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
ENTRY = Entry("value", 1_800_000_000.25, Lifetime(4, 5, 6), ("a", "b"))
PACKED = pack(KEY, ENTRY, CODEC)


@pytest.mark.parametrize("window", [-1.0, nan, inf])
@pytest.mark.parametrize("place", range(3))
def test_lifetimes_are_finite_and_not_negative(window: float, place: int) -> None:
    windows = [1.0, 1.0, 1.0]
    windows[place] = window
    with pytest.raises(ValueError, match="lifetimes"):
        Lifetime(*windows)


@pytest.mark.parametrize("stored_at", [nan, inf, -inf])
def test_stored_at_is_finite(stored_at: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Entry("value", stored_at, Lifetime(1))


def test_both_stale_windows_begin_together() -> None:
    assert Lifetime(10, 20, 5).total == 30
    assert Lifetime(10, 5, 20).total == 30


@given(ENTRIES)
def test_unpacks_what_was_packed(entry: Entry[str]) -> None:
    assert unpack(KEY, pack(KEY, entry, CODEC), CODEC) == entry


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_a_miss(place: int, change: int) -> None:
    changed = bytearray(PACKED)
    changed[place] ^= change
    assert unpack(KEY, bytes(changed), CODEC) is None


@pytest.mark.parametrize("length", range(len(PACKED)))
def test_a_shortened_entry_is_a_miss(length: int) -> None:
    assert unpack(KEY, PACKED[:length], CODEC) is None


@given(st.binary(max_size=100))
def test_foreign_bytes_are_a_miss(data: bytes) -> None:
    assert unpack(KEY, data, CODEC) is None
    assert unpack(KEY, PACKED + data + b"\0", CODEC) is None


@pytest.mark.parametrize("version", [0, PACKED_VERSION + 1, 255])
def test_another_version_is_a_miss(version: int) -> None:
    assert unpack(KEY, PACKED[:3] + bytes([version]) + PACKED[4:], CODEC) is None


@pytest.mark.parametrize(
    "key",
    [
        CacheKey("manifest", "/vod/b.m3u8"),
        CacheKey("other", "/vod/a.m3u8"),
        CacheKey("manifest", "/vod/a.m3u8", "v"),
    ],
)
def test_another_keys_entry_is_a_miss(key: CacheKey) -> None:
    assert unpack(key, PACKED, CODEC) is None


@pytest.mark.parametrize(
    "body",
    [
        [],
        [1.0, 1.0, 1.0, 1.0, []],
        [1.0, 1.0, 1.0, 1.0, [], b"value", "more"],
        ["1", 1.0, 1.0, 1.0, [], b"value"],
        [nan, 1.0, 1.0, 1.0, [], b"value"],
        [1.0, -1.0, 1.0, 1.0, [], b"value"],
        [1.0, 1.0, inf, 1.0, [], b"value"],
        [1.0, 1.0, 1.0, 1.0, [1], b"value"],
        [1.0, 1.0, 1.0, 1.0, [], b"\xff"],  # the codec's refusal
        {"stored_at": 1.0},
    ],
)
def test_a_body_of_another_shape_is_a_miss(body: object) -> None:
    """Even with the right digest, as a careless future version might write it under this version's number."""
    data = msgspec.msgpack.encode(body)
    packed = PACKED[:4] + entry_module._digest(KEY, data) + data
    assert unpack(KEY, packed, CODEC) is None


def test_a_body_of_the_right_shape_is_read() -> None:
    """So that the cases above fail for their shape alone."""
    data = msgspec.msgpack.encode([1.0, 1.0, 1.0, 1.0, [], b"value"])
    packed = PACKED[:4] + entry_module._digest(KEY, data) + data
    assert unpack(KEY, packed, CODEC) == Entry("value", 1.0, Lifetime(1, 1, 1))


def test_an_unexpected_error_of_the_codec_is_a_miss() -> None:
    class Broken(TextCodec):
        def decode(self, data: bytes) -> str:
            raise ZeroDivisionError

    assert unpack(KEY, PACKED, Broken()) is None
