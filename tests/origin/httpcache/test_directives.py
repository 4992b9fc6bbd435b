from __future__ import annotations

import pytest
from hypothesis import given

from origin.http.fields import Fields
from origin.httpcache.directives import (
    MAX_SECONDS,
    RequestDirectives,
    ResponseDirectives,
    request_directives,
    response_directives,
)
from tests.origin.httpcache.exchanges import any_fields


def cc(*values: str) -> Fields:
    return tuple(("Cache-Control", value) for value in values)


def cdn(*values: str) -> Fields:
    return tuple(("CDN-Cache-Control", value) for value in values)


@pytest.mark.parametrize(
    ("fields", "directives"),
    [
        ((), ResponseDirectives()),
        (cc(""), ResponseDirectives()),
        (cc("max-age=3600"), ResponseDirectives(max_age=3600)),
        (cc("MaX-aGe=3600, No-StOrE"), ResponseDirectives(max_age=3600, no_store=True)),
        (cc("foobar, max-age=3600"), ResponseDirectives(max_age=3600)),
        (cc("max-age=1,s-maxage=2"), ResponseDirectives(max_age=1, s_maxage=2)),
        (cc("s-maxage=2", "max-age=1"), ResponseDirectives(max_age=1, s_maxage=2)),
        (
            cc("public,must-revalidate ,\tproxy-revalidate,,must-understand, immutable, no-transform"),
            ResponseDirectives(
                public=True,
                must_revalidate=True,
                proxy_revalidate=True,
                must_understand=True,
                immutable=True,
                no_transform=True,
            ),
        ),
        (
            cc("stale-while-revalidate=5, stale-if-error=6"),
            ResponseDirectives(stale_while_revalidate=5, stale_if_error=6),
        ),
        (cc("max-age=1800, max-age=1"), ResponseDirectives(max_age=1800)),  # the first counts
        (cc("max-age=1", "max-age=1800"), ResponseDirectives(max_age=1)),
        (cc('max-age="3600"'), ResponseDirectives(max_age=3600)),
        (cc("max-age=003600"), ResponseDirectives(max_age=3600)),
        (cc("max-age=2147483647"), ResponseDirectives(max_age=2_147_483_647)),
        (cc("max-age=2147483649"), ResponseDirectives(max_age=MAX_SECONDS)),
        (cc("max-age=99999999999"), ResponseDirectives(max_age=MAX_SECONDS)),
        (cc("max-age=" + "9" * 5000), ResponseDirectives(max_age=MAX_SECONDS)),
        (cc('x="max-age=9", max-age=1'), ResponseDirectives(max_age=1)),
        (cc('max-age=1, x="a\\", max-age=9"'), ResponseDirectives(max_age=1)),
        (cc('x="no-store'), ResponseDirectives()),
        (cc('x="a, no-store'), ResponseDirectives(no_store=True)),  # the string never ends
        (cc("no-store=1"), ResponseDirectives(no_store=True)),
        (cc("private"), ResponseDirectives(private=True)),
        (
            cc('private="X-A", no-cache=x-b'),
            ResponseDirectives(private_fields=frozenset({"x-a"}), no_cache_fields=frozenset({"x-b"})),
        ),
        (cc('no-cache="a, B"', 'no-cache="c"'), ResponseDirectives(no_cache_fields=frozenset("abc"))),
        (cc('no-cache="a", no-cache'), ResponseDirectives(no_cache=True)),
        (cc('no-cache, no-cache="a"'), ResponseDirectives(no_cache=True)),
        (cc('no-cache=""'), ResponseDirectives(no_cache=True)),
        (cc('no-cache="a b"'), ResponseDirectives(no_cache=True)),
        (cc('no-cache="a'), ResponseDirectives(no_cache=True)),
        (cc('max-age=5, "no-store'), ResponseDirectives(max_age=5, no_store=True)),
        (cc('private="a, ETag"'), ResponseDirectives(private=True)),  # without it the cache could not work
        (cc("no-cache-x, xno-store, private2"), ResponseDirectives()),
    ],
)
def test_of_a_response(fields: Fields, directives: ResponseDirectives) -> None:
    assert response_directives(fields) == directives


@pytest.mark.parametrize(
    "value",
    ["", "-3600", "'3600'", "3600.0", "3600.5", "a3600", "3600a", " 3600", "1 2", '"36', "0x10", "+5", "٣"],
)
def test_a_time_that_is_none_is_over(value: str) -> None:
    assert response_directives(cc(f"max-age={value}")).max_age == 0
    assert response_directives(cc("max-age")).max_age == 0


def test_a_space_before_the_equals_sign_lets_a_directive_only_forbid() -> None:
    assert response_directives(cc("max-age =3600")) == ResponseDirectives(max_age=0)
    assert response_directives(cc('no-store =1, private\t="a"')) == ResponseDirectives(no_store=True, private=True)


@pytest.mark.parametrize(
    ("fields", "directives"),
    [
        (cdn("max-age=3600"), ResponseDirectives(max_age=3600, is_targeted=True)),
        (cdn("foobar, max-age=3600"), ResponseDirectives(max_age=3600, is_targeted=True)),
        (cdn("foobar;x=1.5, y=(1 2), max-age=1;z"), ResponseDirectives(max_age=1, is_targeted=True)),
        (cdn("max-age=99999999999"), ResponseDirectives(max_age=MAX_SECONDS, is_targeted=True)),
        (cdn("max-age=-1"), ResponseDirectives(max_age=0, is_targeted=True)),
        (cdn("max-age=60") + cc("no-store"), ResponseDirectives(max_age=60, is_targeted=True)),
        (cdn("no-store") + cc("max-age=60"), ResponseDirectives(no_store=True, is_targeted=True)),
        (cdn("none") + cc("max-age=60, no-store"), ResponseDirectives(is_targeted=True)),
        (cdn("private, no-cache"), ResponseDirectives(private=True, no_cache=True, is_targeted=True)),
        (cdn('private="x-a", no-cache=x-b'), ResponseDirectives(
            private_fields=frozenset({"x-a"}), no_cache_fields=frozenset({"x-b"}), is_targeted=True)),
        (cdn("no-store=?0, public=?1, private=?0"), ResponseDirectives(public=True, is_targeted=True)),
        (cdn("max-age=1", "s-maxage=2"), ResponseDirectives(max_age=1, s_maxage=2, is_targeted=True)),
        (cdn("max-age=1, max-age=2"), ResponseDirectives(max_age=2, is_targeted=True)),
        # No good dictionary: as if it were not there.
        (cdn("max-age=60, &&&") + cc("no-store"), ResponseDirectives(no_store=True)),
        (cdn('max-age="60"') + cc("no-store"), ResponseDirectives(no_store=True)),
        (cdn("max-age=60.0") + cc("no-store"), ResponseDirectives(no_store=True)),
        (cdn("max-age") + cc("no-store"), ResponseDirectives(no_store=True)),
        (cdn("max-age =60") + cc("max-age=1"), ResponseDirectives(max_age=1)),
        (cdn("max-age= 60") + cc("max-age=1"), ResponseDirectives(max_age=1)),
        (cdn("MaX-aGe=60") + cc("max-age=1"), ResponseDirectives(max_age=1)),
        (cdn("no-store=1") + cc("max-age=1"), ResponseDirectives(max_age=1)),
        (cdn("no-cache=5") + cc("max-age=1"), ResponseDirectives(max_age=1)),
        (cdn("") + cc("max-age=1"), ResponseDirectives(max_age=1)),
    ],
)  # fmt: skip
def test_for_cdns(fields: Fields, directives: ResponseDirectives) -> None:
    assert response_directives(fields) == directives


def test_the_first_good_target_counts() -> None:
    fields = (("Mine-Cache-Control", "max-age=1"), *cdn("max-age=2"), *cc("max-age=3"))
    targets = ("Mine-Cache-Control", "CDN-Cache-Control")
    assert response_directives(fields, targets).max_age == 1
    assert response_directives((("Mine-Cache-Control", "max-age"), *fields[1:]), targets).max_age == 2
    assert response_directives(fields, ()).max_age == 3


@pytest.mark.parametrize(
    ("fields", "directives"),
    [
        ((), RequestDirectives()),
        (cc("max-age=0"), RequestDirectives(max_age=0)),
        (cc("max-age=x"), RequestDirectives(max_age=0)),
        (cc("max-stale"), RequestDirectives(max_stale=MAX_SECONDS)),
        (cc("max-stale=1000, min-fresh=20"), RequestDirectives(max_stale=1000, min_fresh=20)),
        (cc("max-stale=x"), RequestDirectives(max_stale=0)),
        (cc("max-stale =5"), RequestDirectives(max_stale=0)),
        (
            cc("no-cache", "No-Store, only-if-cached"),
            RequestDirectives(no_cache=True, no_store=True, only_if_cached=True),
        ),
        ((("Pragma", "no-cache"),), RequestDirectives(no_cache=True)),
        ((("pragma", "x, No-Cache"),), RequestDirectives(no_cache=True)),
        ((("Pragma", "unrecognised"),), RequestDirectives()),
        ((("Pragma", "no-cache"), *cc("nothing-to-see-here")), RequestDirectives()),
    ],
)
def test_of_a_request(fields: Fields, directives: RequestDirectives) -> None:
    assert request_directives(fields) == directives


@pytest.mark.parametrize("piece", ['"', '"\\', ",", 'a="', "no-cache=,", " =", 'no-cache="a",', "max-age=1 "])
def test_a_hostile_value_is_read_once(piece: str) -> None:
    value = piece * 20_000  # a quadratic reader would not come back within the test's time
    response_directives(cc(value))
    response_directives(cdn(value))
    request_directives(cc(value))


@given(any_fields)
def test_no_field_is_too_much(fields: Fields) -> None:
    found, asked = response_directives(fields), request_directives(fields)
    times = (
        found.max_age,
        found.s_maxage,
        found.stale_while_revalidate,
        found.stale_if_error,
        asked.max_age,
        asked.max_stale,
        asked.min_fresh,
    )
    assert all(time is None or 0 <= time <= MAX_SECONDS for time in times)
