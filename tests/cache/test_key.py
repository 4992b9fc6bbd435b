from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cache.key import LONGEST_TEXT, CacheKey

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)  # lone surrogates included
TRICKY = st.text("a:;!%/é\udc80\0 ", max_size=4)
KEYS = st.builds(CacheKey, st.sampled_from(["a", "b"]), TRICKY | ANY_TEXT, TRICKY | ANY_TEXT)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (CacheKey("manifest", "/vod/a b.m3u8"), "manifest:/vod/a%20b.m3u8"),
        (CacheKey("manifest", "/vod/a.m3u8", "low"), "manifest:/vod/a.m3u8;low"),
        (CacheKey("m", "a;b:c!%"), "m:a%3Bb%3Ac%21%25"),
        (CacheKey("m", ""), "m:"),
        (CacheKey("m", "\udc80"), "m:%ED%B2%80"),
        (CacheKey("m", "a" * 254), "m:" + "a" * 254),
    ],
)
def test_text(key: CacheKey, text: str) -> None:
    assert key.text == text


def test_a_long_text_becomes_a_digest() -> None:
    key = CacheKey("manifest", "a" * 255)
    assert re.fullmatch(r"manifest:![0-9a-f]{64}", key.text)
    assert key.text != CacheKey("manifest", "a" * 256).text
    assert key.text != CacheKey("manifest", "", "a" * 255).text


@given(KEYS)
def test_text_is_visible_ascii_of_bounded_length(key: CacheKey) -> None:
    assert len(key.text) <= LONGEST_TEXT
    assert re.fullmatch(r"[!-~]+", key.text)


@given(KEYS, KEYS)
@example(CacheKey("a", "x;y"), CacheKey("a", "x", "y"))
@example(CacheKey("a", "%3B"), CacheKey("a", ";"))
def test_different_keys_have_different_texts(one: CacheKey, other: CacheKey) -> None:
    assert (one.text == other.text) == (one == other)


@pytest.mark.parametrize("namespace", ["", "A", "a:b", "a b", "-a", "a\n", "é", "a" * 33])
def test_bad_namespace(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        CacheKey(namespace, "target")
