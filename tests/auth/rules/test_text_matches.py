"""Match types, each with what it takes and what it leaves."""

from __future__ import annotations

import hashlib
import time

import pytest

from auth.rules.text_matches import MatchType, TextMatch, matches_from_json, matches_to_json
from auth.strict_json import JsonValue

ABC_512_256 = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"  # FIPS 180-4, example of SHA-512/256


@pytest.mark.parametrize(
    ("kind", "value", "held", "not_held"),
    [
        ("exact", "abc", ["abc"], ["ABC", "ab", "abcd", ""]),
        ("prefix", "ab", ["ab", "abc"], ["a", "xab", ""]),
        ("suffix", "bc", ["bc", "abc"], ["c", "bcx", ""]),
        ("contains", "b", ["b", "abc"], ["", "ac"]),
        ("regex", "b+", ["abbc", "b"], ["ac", ""]),
        ("regex", "^a[0-9]{3}$", ["a123"], ["xa123", "a1234", "a123\n"]),
        ("sha-256", hashlib.sha256(b"abc").hexdigest(), ["abc"], ["abd", ""]),
        ("sha-512/256", ABC_512_256, ["abc"], ["abd", ""]),
        ("sha-512/256", hashlib.sha512(b"abc").hexdigest(), ["abc"], ["abd", ""]),
        ("sha-512/256", hashlib.sha512(b"abc").hexdigest()[:64], ["abc"], ["abd", ""]),
    ],
)
def test_what_a_match_takes(kind: str, value: str, held: list[str], not_held: list[str]) -> None:
    match = TextMatch(MatchType(kind), value)
    assert all(map(match.holds, held))
    assert not any(map(match.holds, not_held))
    assert TextMatch.from_json(match.to_json()) == match


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("regex", "("),
        ("regex", "(?=a)"),  # RE2 has no lookahead
        ("regex", r"(a)\1"),
        ("regex", "a{1000}" * 3 + "{1000}"),
        ("exact", "x" * 1025),
        ("sha-256", "00"),
        ("sha-256", "g" * 64),
        ("sha-256", "AB" * 32),
        ("sha-256", "ab" * 64),
        ("sha-512/256", "ab" * 33),
    ],
)
def test_values_that_a_match_cannot_have(kind: str, value: str) -> None:
    with pytest.raises(ValueError):
        TextMatch(MatchType(kind), value)


def test_patterns_take_linear_time() -> None:
    match = TextMatch(MatchType.REGEX, "^(a+)+$")
    began = time.perf_counter()
    assert not match.holds("a" * 50_000 + "b")
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("value", [None, [], {}, ["exact"], [["exact"]], [["exact", 1]], [["like", "x"]], "exact"])
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError):
        matches_from_json(value)


def test_matches_travel_as_json() -> None:
    matches = (TextMatch(MatchType.PREFIX, "/a"), TextMatch(MatchType.SUFFIX, ".ts"))
    assert matches_from_json(matches_to_json(matches)) == matches
