"""What is revoked is refused, nothing else is, and nothing is kept for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.claims import Claims
from auth.errors import Misuse, Reason
from auth.revocation import MAX_REVOCATIONS, Revocation, Revocations, Revoked, token_hash
from auth.secret import Token

NOW = 1_800_000_000.0
END = NOW + 100
CLAIMS = Claims(token_id="t1", session_id="s1", subject="ann", issued_at=NOW - 10)
TOKEN = Token("a.b.c")

ABOUT_US = [
    Revocation(Revoked.TOKEN, "t1", END),
    Revocation(Revoked.TOKEN, "t1", END, "/vod"),
    Revocation(Revoked.TOKEN_HASH, token_hash(TOKEN), END),
    Revocation(Revoked.SESSION, "s1", END),
    Revocation(Revoked.SUBJECT, "ann", END),
    Revocation(Revoked.ASSET, "clock", END, "/vod"),
    Revocation(Revoked.ISSUED_BEFORE, "", END, moment=NOW),
    Revocation(Revoked.ISSUED_BEFORE, "", END, "/vod", moment=NOW - 9),
]
ABOUT_OTHERS = [
    Revocation(Revoked.TOKEN, "t2", END),
    Revocation(Revoked.TOKEN, "s1", END),
    Revocation(Revoked.TOKEN, "t1", END, "/live"),
    Revocation(Revoked.TOKEN_HASH, token_hash(Token("a.b.d")), END),
    Revocation(Revoked.SESSION, "t1", END),
    Revocation(Revoked.SUBJECT, "bob", END),
    Revocation(Revoked.ASSET, "clock", END, "/live"),
    Revocation(Revoked.ASSET, "clock/video", END, "/vod"),
    Revocation(Revoked.ASSET, "", END, "/vod"),
    Revocation(Revoked.ISSUED_BEFORE, "", END, moment=NOW - 10),
    Revocation(Revoked.ISSUED_BEFORE, "", END, "/live", moment=NOW),
]


def refused(revoked: Revocations, claims: Claims = CLAIMS, now: float = NOW) -> bool:
    objection = revoked.objection(claims, "/vod", "clock", now, TOKEN)
    assert objection is None or objection.reason is Reason.REVOKED
    return objection is not None


@pytest.mark.parametrize("entry", ABOUT_US, ids=repr)
def test_what_is_revoked_is_refused_until_the_entry_ends(entry: Revocation) -> None:
    revoked = Revocations([*ABOUT_OTHERS, entry])
    assert refused(revoked)
    assert refused(revoked, now=END - 0.001)
    assert not refused(revoked, now=END)


@pytest.mark.parametrize("entry", ABOUT_OTHERS, ids=repr)
def test_nothing_else_is(entry: Revocation) -> None:
    assert not refused(Revocations([entry]))


def test_an_empty_set_refuses_nothing() -> None:
    assert not refused(Revocations())


def test_a_token_that_does_not_say_when_it_was_issued_counts_as_old() -> None:
    entry = Revocation(Revoked.ISSUED_BEFORE, "", END, moment=1)
    assert refused(Revocations([entry]), replace(CLAIMS, issued_at=None))
    assert not refused(Revocations([entry]))


def test_the_latest_moment_counts_for_as_long_as_it_lasts() -> None:
    later = Revocation(Revoked.ISSUED_BEFORE, "", NOW + 10, moment=NOW)
    earlier = Revocation(Revoked.ISSUED_BEFORE, "", END, moment=NOW - 20)
    revoked = Revocations([earlier, later])
    assert refused(revoked)
    assert not refused(revoked, now=NOW + 10)
    assert refused(revoked, replace(CLAIMS, issued_at=NOW - 21), now=NOW + 10)


def test_claims_that_name_nothing_are_refused_by_asset_and_moment_only() -> None:
    nameless = Claims(issued_at=NOW)
    about = [entry for entry in ABOUT_US if refused(Revocations([entry]), nameless)]
    assert {entry.what for entry in about} == {Revoked.TOKEN_HASH, Revoked.ASSET}


def test_without_a_token_only_the_asset_counts() -> None:
    about = [entry for entry in ABOUT_US if Revocations([entry]).objection(None, "/vod", "clock", NOW)]
    assert {entry.what for entry in about} == {Revoked.ASSET}


def test_a_change_makes_another_set() -> None:
    first = Revocations()
    second = first.with_entry(ABOUT_US[0], NOW)
    third = second.without(ABOUT_US[0].id)
    assert [len(each) for each in (first, second, third)] == [0, 1, 0]
    assert ABOUT_US[0].id in second
    assert not refused(third)


def test_what_has_ended_is_dropped() -> None:
    revoked = Revocations(ABOUT_US)
    assert revoked.in_force(NOW) is revoked
    assert len(revoked.in_force(END)) == 0
    assert list(revoked.with_entry(replace(ABOUT_US[0], ends=END + 1), END)) == [replace(ABOUT_US[0], ends=END + 1)]


def test_the_same_revocation_is_one_entry_that_ends_last() -> None:
    longer, shorter = replace(ABOUT_US[0], ends=END + 50), ABOUT_US[0]
    assert longer.id == shorter.id
    for entries in ([longer, shorter], [shorter, longer]):
        assert list(Revocations(entries)) == [longer]


def test_it_is_bounded() -> None:
    full = Revocations(Revocation(Revoked.TOKEN, str(number), END) for number in range(MAX_REVOCATIONS))
    with pytest.raises(Misuse, match="at most"):
        full.with_entry(ABOUT_US[0], NOW)


@pytest.mark.parametrize(
    "bad",
    [
        {"what": Revoked.TOKEN, "value": ""},
        {"what": Revoked.TOKEN, "value": "x" * 513},
        {"what": Revoked.TOKEN, "value": "\ud800"},
        {"what": Revoked.TOKEN, "value": "x", "moment": 1.0},
        {"what": Revoked.ASSET, "value": "clock"},
        {"what": Revoked.ISSUED_BEFORE, "value": ""},
        {"what": Revoked.ISSUED_BEFORE, "value": "x", "moment": 1.0},
        {"what": Revoked.ISSUED_BEFORE, "value": "", "moment": -1.0},
        {"what": Revoked.ISSUED_BEFORE, "value": "", "moment": float("nan")},
        {"what": Revoked.TOKEN, "value": "x", "ends": float("inf")},
        {"what": Revoked.TOKEN, "value": "x", "ends": float("nan")},
    ],
)
def test_what_names_nothing_is_misuse(bad: dict[str, object]) -> None:
    with pytest.raises(Misuse):
        Revocation(**({"ends": END} | bad))  # type: ignore[arg-type]


def test_it_never_shows_a_token() -> None:
    assert "a.b.c" not in repr(Revocation(Revoked.TOKEN_HASH, token_hash(TOKEN), END))
    assert len(token_hash(TOKEN)) == 64


@given(st.lists(st.sampled_from([*ABOUT_US, *ABOUT_OTHERS]), max_size=8), st.floats(0, 200))
def test_a_request_is_refused_exactly_when_an_entry_in_force_is_about_it(
    entries: list[Revocation], late: float
) -> None:
    expected = late < 100 and any(entry in ABOUT_US for entry in entries)
    assert refused(Revocations(entries), now=NOW + late) is expected
