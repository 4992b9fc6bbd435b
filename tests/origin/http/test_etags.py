from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.etags import (
    EntityTag,
    Wildcard,
    content_etag,
    parse_entity_tag,
    parse_entity_tags,
    version_etag,
)

opaques = st.text(st.characters(codec="latin-1", categories=None).filter(lambda c: c >= "!" and c not in '"\x7f'))
tags = st.builds(EntityTag, opaques, st.booleans())


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ('"xyzzy"', EntityTag("xyzzy")),
        ('W/"xyzzy"', EntityTag("xyzzy", weak=True)),
        ('""', EntityTag("")),
        ('"a,b"', EntityTag("a,b")),
        ('"W/"', EntityTag("W/")),
        ('"\\"', EntityTag("\\")),  # a backslash escapes nothing
        ('"\xe9"', EntityTag("\xe9")),
        ("xyzzy", None),
        ("'xyzzy'", None),
        ('w/"xyzzy"', None),
        ('W/ "xyzzy"', None),
        ('W"xyzzy"', None),
        ('"xyzzy', None),
        ('xyzzy"', None),
        ('"xy zzy"', None),
        ('"xy"zzy"', None),
        ('"xy\x7f"', None),
        ('"xy\n"', None),
        ('"xyzzy"\n', None),
        (' "xyzzy"', None),
        ("*", None),
        ("", None),
    ],
)
def test_one_tag(value: str, tag: EntityTag | None) -> None:
    assert parse_entity_tag(value) == tag


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("*", Wildcard.ANY),
        (" * ", Wildcard.ANY),
        ('"a"', (EntityTag("a"),)),
        ('"a", W/"b","c,d"', (EntityTag("a"), EntityTag("b", weak=True), EntityTag("c,d"))),
        (', "a" ,\t, "b",', (EntityTag("a"), EntityTag("b"))),
        ("", ()),
        (" , ", ()),
        ('*, "a"', None),
        ('"a", *', None),
        ('"a" "b"', None),
        ('"a"; "b"', None),
        ('"a", b', None),
        ("a", None),
        ('"a', None),
        ('"a"\n', None),
        (",".join(['"a"'] * 3000), None),
    ],
)
def test_a_list(value: str, expected: Wildcard | tuple[EntityTag, ...] | None) -> None:
    assert parse_entity_tags(value) == expected


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [  # the table of RFC 9110 §8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_comparison(one: str, other: str, *, strongly: bool, weakly: bool) -> None:
    first, second = parse_entity_tag(one), parse_entity_tag(other)
    assert first is not None
    assert second is not None
    assert first.matches_strongly(second) is second.matches_strongly(first) is strongly
    assert first.matches_weakly(second) is second.matches_weakly(first) is weakly


@given(tags)
def test_what_is_written_reads_back(tag: EntityTag) -> None:
    assert parse_entity_tag(str(tag)) == tag


@given(st.lists(tags, max_size=8), st.sampled_from([",", ", ", " ,\t", ", , ,"]))
def test_lists_read_back(several: list[EntityTag], comma: str) -> None:
    assert parse_entity_tags(comma.join(map(str, several))) == tuple(several)


@given(st.text(st.sampled_from('W/"*ab, \t\n'), max_size=30))
def test_no_text_makes_a_list_raise(value: str) -> None:
    parse_entity_tags(value)


def test_a_hostile_list_is_refused_at_once() -> None:
    assert parse_entity_tags(", " * 4000 + "x") is None


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_content_tags_tell_bytes_apart(one: bytes, other: bytes) -> None:
    assert (content_etag(one) == content_etag(other)) is (one == other)
    assert not content_etag(one).weak


@given(st.text(max_size=80), st.text(max_size=80))
def test_version_tags_tell_versions_apart_and_are_plain_ascii(one: str, other: str) -> None:
    tag = version_etag(one)
    assert (tag == version_etag(other)) is (one == other)
    assert re.fullmatch(r'"[0-9A-Za-z._~-]+"', str(tag))


def test_a_plain_version_stays_readable() -> None:
    assert str(version_etag("17f3a-4096")) == '"17f3a-4096"'


def test_no_plain_version_can_pose_as_a_hashed_one() -> None:
    hashed = version_etag("two words").opaque
    assert version_etag(hashed) != version_etag("two words")


@given(st.text(max_size=80))
def test_every_coding_has_a_tag_of_its_own(version: str) -> None:
    tag = version_etag(version)
    variants = [tag, *(tag.for_coding(coding) for coding in ("gzip", "br", "zstd"))]
    assert len(set(variants)) == 4
    assert not any(variant.weak for variant in variants)
    assert all(parse_entity_tag(str(variant)) == variant for variant in variants)


def test_identity_keeps_the_tag() -> None:
    tag = EntityTag("a", weak=True)
    assert tag.for_coding(None) == tag
    assert tag.for_coding("gzip") == EntityTag("a+gzip", weak=True)
