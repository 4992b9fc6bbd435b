"""A rotation has no gap, gives every token its time, and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.errors import Misuse
from auth.keys import Key, KeyRing, KeyState
from auth.rotation import pruned, retire, rotate
from auth.secret import Secret
from tests.auth.samples import HMAC_KEY, NOW, key_of

LEAD, OVERLAP = 60, 3600


def hmac_key(name: str, **times: float | None) -> Key:
    return Key(name, Algorithm.HS256, Secret(name.encode() * 32), **times)  # type: ignore[arg-type]


def states(ring: KeyRing, now: float) -> dict[str, str]:
    return {key.id: key.state(now).value for key in ring.keys}


def signer(ring: KeyRing, now: float) -> str | None:
    key = ring.signer(now)
    return None if key is None else key.id


@pytest.mark.parametrize(
    ("after", "old", "new", "signs"),
    [
        (0, "active", "next", "old"),
        (LEAD - 1, "active", "next", "old"),
        (LEAD, "retiring", "active", "new"),
        (LEAD + OVERLAP - 1, "retiring", "active", "new"),
        (LEAD + OVERLAP, "retired", "active", "new"),
    ],
)
def test_a_rotation_from_begin_to_end(after: float, old: str, new: str, signs: str) -> None:
    ring = rotate(KeyRing([hmac_key("old")]), hmac_key("new"), NOW, LEAD, OVERLAP)
    assert states(ring, NOW + after) == {"old": old, "new": new}
    assert signer(ring, NOW + after) == signs
    assert ring.keys[1].is_in_force(NOW)  # whoever has the new key verifies with it at once


def test_the_first_key_signs_at_once() -> None:
    assert signer(rotate(KeyRing(), hmac_key("a"), NOW, LEAD, OVERLAP), NOW) == "a"


def test_a_signer_that_ends_early_leaves_no_gap() -> None:
    ring = rotate(KeyRing([hmac_key("old", sign_until=NOW + 10)]), hmac_key("new"), NOW, LEAD, OVERLAP)
    assert (signer(ring, NOW + 9), signer(ring, NOW + 10)) == ("old", "new")
    assert ring.keys[0].not_after == NOW + 10 + OVERLAP


def test_no_key_is_prolonged() -> None:
    ring = rotate(KeyRing([hmac_key("old", not_after=NOW + 100)]), hmac_key("new"), NOW, LEAD, OVERLAP)
    assert ring.keys[0].not_after == NOW + 100


def test_a_rotation_within_the_lead_of_another() -> None:
    first = rotate(KeyRing([hmac_key("a")]), hmac_key("b"), NOW, LEAD, OVERLAP)
    second = rotate(first, hmac_key("c"), NOW + 20, LEAD, OVERLAP)
    assert [signer(second, NOW + after) for after in (0, 59, 60, 79, 80)] == ["a", "a", "b", "b", "c"]
    at_once = rotate(first, hmac_key("c"), NOW, LEAD, OVERLAP)
    assert [signer(at_once, NOW + after) for after in (59, 60, 61)] == ["a", "c", "c"]


def test_another_algorithm_takes_over_from_the_signer_alone() -> None:
    cdn, public = Key("cdn", Algorithm.SHARED, Secret(b"s" * 32)), key_of(Algorithm.ES256)
    foreign, encrypting = Key("foreign", Algorithm.ES256, public.verifying), key_of(Algorithm.A128GCM)
    ring = rotate(KeyRing([cdn, foreign, encrypting, HMAC_KEY]), key_of(Algorithm.EDDSA), NOW, LEAD, OVERLAP)
    late = NOW + LEAD + OVERLAP
    assert states(ring, late) == {
        "cdn": "active",
        "foreign": "active",
        "A128GCM": "active",
        "k1": "retired",
        "EdDSA": "active",
    }


@pytest.mark.parametrize(
    ("key", "lead", "overlap", "words"),
    [
        (Key("v", Algorithm.HS256, HMAC_KEY.material, verify_only=True), 1, 1, "verifies only"),
        (hmac_key("new"), -1, 1, "lead"),
        (hmac_key("new"), 1, 0, "overlap"),
        (HMAC_KEY, 1, 1, "same id"),
    ],
)
def test_what_is_no_rotation(key: Key, lead: float, overlap: float, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        rotate(KeyRing([HMAC_KEY]), key, NOW, lead, overlap)


@pytest.mark.parametrize(
    "key",
    [
        hmac_key("k"),
        hmac_key("k", not_before=NOW),
        hmac_key("k", not_before=NOW + 9, sign_from=NOW + 99, sign_until=NOW + 999),
        hmac_key("k", sign_until=NOW - 5, not_after=NOW + 5),
    ],
)
def test_a_retired_key_is_out_at_once(key: Key) -> None:
    ring = retire(KeyRing([hmac_key("other"), key]), "k", NOW)
    assert states(ring, NOW) == {"other": "active", "k": "retired"}
    assert not ring.keys[1].is_in_force(NOW)
    assert [each.id for each in pruned(ring, NOW).keys] == ["other"]
    assert [each.id for each in pruned(ring, NOW - 1).keys] == ["other", "k"]


def test_retiring_is_done_once() -> None:
    ring = retire(KeyRing([hmac_key("k")]), "k", NOW)
    assert retire(ring, "k", NOW + 50).keys == ring.keys
    with pytest.raises(Misuse, match="no key of that id"):
        retire(ring, "none", NOW)


TIMES = st.none() | st.integers(1, 50)


@given(
    st.lists(st.tuples(TIMES, TIMES, TIMES, TIMES), max_size=4),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=4),
)
def test_rotations_never_leave_a_gap_nor_cut_a_token_short(
    windows: list[tuple[int | None, ...]], rotations: list[tuple[int, int, int]]
) -> None:
    keys = []
    for number, (not_before, not_after, sign_from, sign_until) in enumerate(windows):
        try:
            keys.append(
                hmac_key(
                    f"k{number}", not_before=not_before, not_after=not_after, sign_from=sign_from, sign_until=sign_until
                )
            )
        except Misuse:
            continue
    ring = KeyRing(keys)
    for number, (now, lead, overlap) in enumerate(sorted(rotations)):
        before = ring
        ring = rotate(before, hmac_key(f"r{number}"), now, lead, overlap)
        for instant in range(now, 120):
            key = ring.signer(instant)
            assert key is not None
            # What is signed by a key that was replaced in time verifies for the overlap, or for what it had before.
            old = before.find(key.id)
            if old is not None and key.not_after is not None:
                assert key.not_after >= min(instant + overlap, old.not_after or instant + overlap)
        for old in before.keys:
            key = ring.find(old.id)
            assert key is not None
            assert (_end(key) <= _end(old), key.not_before) == (True, old.not_before)
    assert all(key.state(1000) is not KeyState.RETIRED for key in pruned(ring, 1000).keys)


def _end(key: Key) -> float:
    return float("inf") if key.not_after is None else key.not_after
