from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.fields import Fields
from origin.httpcache.freshness import State, current_age, freshness, freshness_lifetime
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from tests.origin.httpcache.exchanges import NOW, POLICY, any_fields, date


def stored(*fields: tuple[str, str], status: int = 200, delay: float = 0.0) -> StoredResponse:
    return StoredResponse(status, fields, NOW - delay, NOW)


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("0", 0), ("30", 30), ("0030", 30), (" 30 ", 30), ("2147483647", 2**31 - 1), ("2147483648", 2**31),
        ("2147483649", 2**31), ("9" * 5000, 2**31), ("7200, 0", 7200), ("0, 7200", 0), ("0, 0", 0), ("30,x", 30),
        ("abc", 0), ("-7200", 0), ("7200.0", 0), ("7200;foo=bar", 0), ("7200;foo=111", 0), ("", 0), (",5", 0),
        ("5 5", 0), ("٣", 0),
    ],
)  # fmt: skip
def test_age(value: str, age: int) -> None:
    assert current_age(stored(("Age", value)), NOW) == age


def test_the_first_age_counts() -> None:
    assert current_age(stored(("Age", "7200"), ("Age", "0")), NOW) == 7200
    assert current_age(stored(("Age", "0"), ("age", "7200")), NOW) == 0


@pytest.mark.parametrize(
    ("fields", "delay", "after", "age"),
    [
        ((), 0, 0, 0),
        ((), 0, 10, 10),
        ((("Date", date(0)),), 0, 10, 10),
        ((("Date", date(-7200)),), 0, 0, 7200),  # apparent
        ((("Date", date(400)),), 0, 5, 5),  # its clock is fast
        ((("Date", "foo"),), 0, 5, 5),
        ((("Age", "25"),), 2.5, 1, 28.5),  # corrected by the delay
        ((("Date", date(-100)), ("Age", "25")), 2.5, 1, 101),  # the greater of both
        ((("Date", date(-10)), ("Age", "25")), 2.5, 1, 28.5),
        ((("Age", "5"),), 0, -30, 5),  # our clock was set back
        ((("Age", "5"),), -30, 0, 5),
    ],
)
def test_current_age(fields: Fields, delay: float, after: float, age: float) -> None:
    assert current_age(stored(*fields, delay=delay), NOW + after) == age


def test_the_part_of_a_second_that_a_date_does_not_say_is_no_age() -> None:
    at = NOW + 0.9
    assert current_age(StoredResponse(200, (("Date", date(0)),), at, at), at) == 0


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ((), 0),
        ((("Cache-Control", "max-age=60"),), 60),
        ((("Cache-Control", "max-age=60, s-maxage=5"),), 5),
        ((("Cache-Control", "max-age=0, s-maxage=3600"), ("Expires", date(-10))), 3600),
        ((("Cache-Control", "max-age=60"), ("Expires", date(-10))), 60),
        ((("Cache-Control", "max-age=60"), ("Expires", "0")), 60),
        ((("Cache-Control", "max-age=0"), ("Expires", date(3600))), 0),
        ((("Cache-Control", "max-age=x"), ("Expires", date(3600))), 0),
        ((("Cache-Control", "public"), ("Expires", date(30))), 30),
        ((("Expires", date(30)), ("Date", date(0))), 30),
        ((("Expires", date(30)), ("Date", date(10))), 20),
        ((("Expires", date(300)), ("Date", date(400))), 0),
        ((("Expires", date(0)), ("Date", date(0))), 0),
        ((("Expires", date(10)), ("Date", "foo")), 10),
        ((("Expires", date(10)),), 10),
        ((("Expires", "0"), ("Date", date(0))), 0),
        ((("Expires", "0"), ("Expires", date(30))), 0),
        ((("Expires", "Sun, 21 Nov 2286 04:46:39 GMT"), ("Date", date(0))), 2**31),
        ((("Expires", "Tue, 19 Jan 2038 14:14:08 GMT"), ("Date", date(0))), 447_523_248),
        ((("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "max-age=1"), ("Expires", date(5))), 60),
        ((("CDN-Cache-Control", "max-age=1"), ("Cache-Control", "s-maxage=60")), 1),
        ((("CDN-Cache-Control", "public"), ("Expires", date(30))), 0),  # not for us
        # Heuristic: a tenth of what it had been unchanged for.
        ((("Last-Modified", date(-100)), ("Date", date(0))), 10),
        ((("Last-Modified", date(-100)),), 10),
        ((("Last-Modified", date(-(10**8))), ("Date", date(0))), 86_400),
        ((("Last-Modified", date(100)), ("Date", date(0))), 0),
        ((("Last-Modified", "0"), ("Date", date(0))), 0),
        ((("Last-Modified", date(-100)), ("Cache-Control", "max-age=3")), 3),
        ((("Last-Modified", date(-100)), ("Expires", "0")), 0),
        ((("Last-Modified", date(-100)), ("Pragma", "no-cache"), ("Cache-Control", "x")), 10),
    ],
)
def test_lifetime(fields: Fields, lifetime: float) -> None:
    assert freshness_lifetime(stored(*fields), POLICY) == pytest.approx(lifetime)


@pytest.mark.parametrize("status", [200, 203, 204, 206, 300, 301, 308, 405, 414, 501])
def test_heuristic_for_what_is_cacheable_by_default(status: int) -> None:
    assert freshness_lifetime(stored(("Last-Modified", date(-100)), status=status), POLICY) == 10


@pytest.mark.parametrize("status", [201, 202, 302, 403, 500, 502, 503, 504, 599])
def test_no_heuristic_for_other_statuses_unless_public(status: int) -> None:
    modified = ("Last-Modified", date(-100))
    assert freshness_lifetime(stored(modified, status=status), POLICY) == 0
    assert freshness_lifetime(stored(modified, ("Cache-Control", "public"), status=status), POLICY) == 10


def test_negative_answers_are_kept_for_as_long_as_the_policy_says() -> None:
    missing = (("Date", date(-7200)), ("Last-Modified", date(-(10**6))))
    policy = Policy(default_negative_seconds={404: 2.0, 503: 1.0})
    assert freshness(stored(*missing, status=404), NOW + 1.9, policy).state is State.FRESH
    assert freshness(stored(*missing, status=404), NOW + 2, policy).state is not State.FRESH
    assert freshness(stored(status=503), NOW + 0.9, policy).state is State.FRESH
    said = freshness_lifetime(stored(("Cache-Control", "max-age=60"), status=404), policy)
    assert said == 60


def test_a_rule_replaces_the_freshness_of_the_upstream_but_not_of_errors() -> None:
    policy = Policy(override_seconds=30)
    for fields in ((), (("Cache-Control", "max-age=5"),), (("Cache-Control", "max-age=500"), ("Age", "400"))):
        assert freshness(stored(*fields), NOW + 29, policy).state is State.FRESH
        assert freshness(stored(*fields), NOW + 30, policy).state is State.STALE
    assert freshness_lifetime(stored(("Cache-Control", "max-age=5"), status=500), policy) == 5
    assert freshness_lifetime(stored(status=302), policy) == 0
    assert freshness_lifetime(stored(("Cache-Control", "max-age=5"), status=302), policy) == 30


@pytest.mark.parametrize(
    ("directives", "after", "state", "on_error"),
    [
        ("max-age=10", 9.5, State.FRESH, True),
        ("max-age=10", 10, State.STALE, True),
        ("max-age=10", 3609, State.STALE, True),
        ("max-age=10", 3610, State.STALE, False),  # beyond the policy's window
        ("max-age=10, stale-if-error=5", 14, State.STALE, True),
        ("max-age=10, stale-if-error=5", 15, State.STALE, False),
        ("max-age=10, stale-if-error=0", 10, State.STALE, False),
        ("max-age=10, stale-while-revalidate=5", 14, State.STALE_WHILE_REVALIDATE, True),
        ("max-age=10, stale-while-revalidate=5", 15, State.STALE, True),
        ("max-age=10, stale-while-revalidate=5, stale-if-error=1", 14, State.STALE_WHILE_REVALIDATE, True),
        ("max-age=10, stale-while-revalidate=5, stale-if-error=1", 15, State.STALE, False),
        ("max-age=10, must-revalidate", 9, State.FRESH, False),
        ("max-age=10, must-revalidate, stale-while-revalidate=5", 10, State.MUST_REVALIDATE, False),
        ("max-age=10, proxy-revalidate, stale-if-error=5", 10, State.MUST_REVALIDATE, False),
        ("max-age=10, s-maxage=10", 10, State.MUST_REVALIDATE, False),
        ("s-maxage=10, stale-while-revalidate=5", 10, State.MUST_REVALIDATE, False),
        ("max-age=10, no-cache", 0, State.MUST_REVALIDATE, False),
        ('max-age=10, no-cache="x"', 0, State.FRESH, True),
        ("max-age=10, immutable", 10, State.STALE, True),
    ],
)
def test_state(directives: str, after: float, state: State, on_error: bool) -> None:
    found = freshness(stored(("Cache-Control", directives)), NOW + after, POLICY)
    assert (found.state, found.may_serve_on_error) == (state, on_error)
    assert (found.age, found.ttl) == (after, 10 - after)


def test_s_maxage_may_be_told_to_let_a_window_be() -> None:
    policy = Policy(s_maxage_forbids_stale=False)
    windowed = stored(("Cache-Control", "s-maxage=10, stale-while-revalidate=5"))
    assert freshness(windowed, NOW + 12, policy).state is State.STALE_WHILE_REVALIDATE
    plain = stored(("Cache-Control", "s-maxage=10"))
    assert freshness(plain, NOW + 12, policy).state is State.MUST_REVALIDATE
    bound = stored(("Cache-Control", "s-maxage=10, stale-while-revalidate=5, must-revalidate"))
    assert freshness(bound, NOW + 12, policy).state is State.MUST_REVALIDATE


@pytest.mark.parametrize(
    ("directives", "state"),
    [
        ("max-age=10", State.STALE),
        ("max-age=10, stale-while-revalidate=5", State.STALE_WHILE_REVALIDATE),
        ("max-age=10, must-revalidate", State.MUST_REVALIDATE),
    ],
)
def test_what_is_purged_softly_is_stale(directives: str, state: State) -> None:
    found = freshness(stored(("Cache-Control", directives)), NOW + 1, POLICY, is_purged=True)
    assert (found.state, found.ttl) == (state, 0)


@given(any_fields, st.sampled_from([200, 206, 302, 404, 503]), st.floats(-50, 50), st.floats(-1e9, 1e10))
def test_age_is_never_negative_nor_a_lifetime(fields: Fields, status: int, delay: float, after: float) -> None:
    response = StoredResponse(status, fields, NOW - delay, NOW)
    assert current_age(response, NOW + after) >= 0
    assert freshness_lifetime(response, POLICY) >= 0


@given(any_fields, st.sampled_from([200, 404]), st.lists(st.floats(-100, 10_000), min_size=2), st.booleans())
def test_time_makes_nothing_better(fields: Fields, status: int, moments: list[float], is_purged: bool) -> None:
    response = StoredResponse(status, fields, NOW, NOW)
    order = list(State)
    found = [freshness(response, NOW + after, POLICY, is_purged=is_purged) for after in sorted(moments)]
    assert [each.age for each in found] == sorted(each.age for each in found)
    ranks = [order.index(each.state) for each in found]
    assert ranks == sorted(ranks)
    allowed = [each.may_serve_on_error for each in found]
    assert allowed == sorted(allowed, reverse=True)
