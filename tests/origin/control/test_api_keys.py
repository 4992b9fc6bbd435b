"""API keys."""

from __future__ import annotations

import pytest

from origin.control.api_keys import ApiKey, ApiKeys, Permission, hash_of, new_api_key

WORD, DIGEST = new_api_key()
KEY = ApiKey("backend", DIGEST, frozenset({Permission.SIGN}))
KEYS = ApiKeys({"backend": KEY, "other": ApiKey("other", hash_of("x" * 40), frozenset())})


def test_a_key_is_found_by_its_word() -> None:
    assert KEYS.find(f"Bearer {WORD}") is KEY
    assert KEYS.find(f"bearer  {WORD}") is KEY


@pytest.mark.parametrize(
    "shown", [None, "", WORD, f"Basic {WORD}", f"Bearer {WORD[:-1]}", f"Bearer {WORD} ", f"Bearer {DIGEST}", "Bearer é"]
)
def test_nothing_else_is(shown: str | None) -> None:
    assert KEYS.find(shown) is None


def test_without_keys_the_door_is_closed() -> None:
    assert ApiKeys({}).find(f"Bearer {WORD}") is None
    assert ApiKeys({"empty": ApiKey("empty", hash_of(""), frozenset())}).find(None) is None


def test_keys_are_long_and_new() -> None:
    words = {new_api_key()[0] for _ in range(50)}
    assert len(words) == 50
    assert all(len(word) == 47 and word.startswith("hgk_") for word in words)
