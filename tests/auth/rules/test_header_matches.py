"""What is asked of header fields."""

from __future__ import annotations

import pytest

from auth.errors import Reason
from auth.request import Pairs, Request
from auth.rules import CONDITIONS
from auth.rules.header_matches import HeaderMatches
from auth.rules.text_matches import MatchType, TextMatch
from auth.strict_json import JsonValue

AGENT = HeaderMatches("user-agent", (TextMatch(MatchType.CONTAINS, "VLC"),))


def reason(condition: HeaderMatches, headers: Pairs) -> Reason | None:
    objection = condition.objection(Request("GET", "https", "h", "/", headers=headers), 0)
    return None if objection is None else objection.reason


def test_a_field_is_there_and_matches() -> None:
    assert reason(AGENT, (("user-agent", "VLC/3"),)) is None
    assert reason(AGENT, (("user-agent", "vlc/3"),)) is Reason.WRONG_HEADER
    assert reason(AGENT, (("x-user-agent", "VLC/3"),)) is Reason.WRONG_HEADER
    assert reason(AGENT, ()) is Reason.WRONG_HEADER


def test_an_absent_field_is_not_an_empty_one() -> None:
    anything = HeaderMatches("x", (TextMatch(MatchType.PREFIX, ""),))
    assert reason(anything, ()) is Reason.WRONG_HEADER
    assert reason(anything, (("x", ""),)) is None


def test_repeated_fields_are_one_value() -> None:
    exact = HeaderMatches("x", (TextMatch(MatchType.EXACT, "a"),))
    assert reason(exact, (("x", "a"), ("x", "b"))) is Reason.WRONG_HEADER
    assert reason(HeaderMatches("x", (TextMatch(MatchType.EXACT, "a, b"),)), (("x", "a"), ("x", "b"))) is None


def test_all_matches_must_hold() -> None:
    both = HeaderMatches("x", (TextMatch(MatchType.PREFIX, "a"), TextMatch(MatchType.SUFFIX, "b")))
    assert reason(both, (("x", "ab"),)) is None
    assert reason(both, (("x", "ac"),)) is Reason.WRONG_HEADER


def test_it_travels_as_json() -> None:
    assert CONDITIONS[AGENT.WORD].from_json(AGENT.to_json()) == AGENT


@pytest.mark.parametrize(
    "value",
    [None, [], ["x"], ["x", []], ["X", [["exact", "a"]]], ["a b", [["exact", "a"]]], ["", [["exact", "a"]]], {}],
)
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError):
        HeaderMatches.from_json(value)
