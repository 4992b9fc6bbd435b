"""The memory of verified tokens."""

from __future__ import annotations

from auth.claims import Claims
from auth.keys import KeyRing
from auth.verified import Identity, VerifiedTokens
from tests.auth.samples import HMAC_KEY, RING


def identity(text: str, *bound: str) -> Identity:
    return (text, bound)


def test_it_remembers_exactly_what_was_verified() -> None:
    memory = VerifiedTokens(8)
    memory.put(identity("a"), Claims(subject="a"), RING)
    assert memory.get(identity("a"), RING) == Claims(subject="a")
    assert memory.get(identity("b"), RING) is None
    assert memory.get(identity("a", "/other"), RING) is None


def test_the_least_recently_used_goes_first() -> None:
    memory = VerifiedTokens(2)
    for text in "ab":
        memory.put(identity(text), Claims(subject=text), RING)
    assert memory.get(identity("a"), RING) is not None
    memory.put(identity("c"), Claims(), RING)
    assert len(memory) == 2
    assert memory.get(identity("b"), RING) is None
    assert memory.get(identity("a"), RING) is not None


def test_another_ring_forgets_everything() -> None:
    memory = VerifiedTokens(8)
    memory.put(identity("a"), Claims(), RING)
    equal = KeyRing([HMAC_KEY])
    assert memory.get(identity("a"), equal) is None
    memory.put(identity("b"), Claims(), equal)
    assert memory.get(identity("a"), RING) is None
    assert memory.get(identity("a"), equal) is None
    assert len(memory) == 1


def test_it_may_remember_nothing() -> None:
    memory = VerifiedTokens(0)
    memory.put(identity("a"), Claims(), RING)
    assert memory.get(identity("a"), RING) is None


def test_its_repr_shows_no_token() -> None:
    memory = VerifiedTokens(8)
    memory.put(identity("HUSH"), Claims(), RING)
    assert repr(memory) == "VerifiedTokens(1 of 8)"
