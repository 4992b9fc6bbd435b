from __future__ import annotations

import pytest
from hypothesis import given

from origin.http.fields import Fields
from origin.httpcache.tags import MAX_TAG_LENGTH, MAX_TAGS, bounded, groups_in, tags_of
from tests.origin.httpcache.exchanges import any_fields


@pytest.mark.parametrize(
    ("fields", "tags"),
    [
        ((), ()),
        ((("Cache-Groups", '"scripts", "a b";x=1'),), ("scripts", "a b")),
        ((("Cache-Groups", '"a"'), ("cache-groups", '"b"')), ("a", "b")),
        ((("Cache-Groups", "a, b"),), ()),  # tokens are no strings
        ((("Cache-Groups", '"a", 1'),), ()),
        ((("Cache-Groups", '"a'),), ()),
        ((("Surrogate-Key", " one  two\tthree "),), ("one", "two", "three")),
        ((("Cache-Tag", "one, two words ,,three"),), ("one", "two words", "three")),
        ((("Cache-Tag", "a,b"), ("Surrogate-Key", "b c"), ("Cache-Groups", '"c", "d"')), ("c", "d", "b", "a")),
    ],
)
def test_tags(fields: Fields, tags: tuple[str, ...]) -> None:
    assert tags_of(fields) == tags


def test_tags_are_bounded() -> None:
    assert bounded(map(str, range(1000))) == tuple(map(str, range(MAX_TAGS)))
    assert bounded(["", "a", "x" * (MAX_TAG_LENGTH + 1), "a", "y" * MAX_TAG_LENGTH]) == ("a", "y" * MAX_TAG_LENGTH)
    assert len(tags_of((("Surrogate-Key", " ".join(map(str, range(100_000)))),))) == MAX_TAGS
    assert groups_in((("Cache-Groups", '"a",' * 100_000),), "cache-groups") == ()


@given(any_fields)
def test_no_field_is_too_much(fields: Fields) -> None:
    tags = tags_of(fields)
    assert len(set(tags)) == len(tags) <= MAX_TAGS
