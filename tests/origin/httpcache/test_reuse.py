from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.caching import Forward
from origin.http.fields import Fields
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import (
    Fetch,
    Purged,
    Revalidate,
    Serve,
    ServeWhileRevalidating,
    Unsatisfiable,
    conditional_fields,
)
from tests.origin.httpcache.exchanges import any_fields, ask, date, keep, kept, response

SHORT = ("Cache-Control", "max-age=2")
FRESH = ("Cache-Control", "max-age=3600")
TAG = ("ETag", '"abc"')
MODIFIED = ("Last-Modified", date(-3000))


@pytest.mark.parametrize(
    "fields",
    [
        (FRESH,),
        (("Cache-Control", "max-age=2147483647"),),
        (("Cache-Control", "max-age=2147483648"),),
        (("Cache-Control", "max-age=99999999999"),),
        (("Cache-Control", "max-age=003600"),),
        (("Cache-Control", "foobar, MaX-aGe=3600"),),
        (FRESH, ("Expires", date(-7200))),
        (FRESH, ("Expires", "0")),
        (("Cache-Control", "max-age=0, s-maxage=3600"), ("Expires", date(-10))),
        (("Cache-Control", "s-maxage=3600"),),
        (("Cache-Control", "max-age=10000, must-revalidate"), TAG),
        (("Cache-Control", 'max-age=3600, no-cache="a"'), ("a", "1")),
        (("Expires", date(60)),),
        (("Expires", "Thursday, 18-Aug-50 02:01:18 GMT"),),
        (("Expires", "Thu Aug  8 02:01:18 2050"),),
        (("Expires", "THU, 18 AUG 2050 02:01:18 gMT"),),
        (("Expires", "Sun, 21 Nov 2286 04:46:39 GMT"),),
        (FRESH, ("Age", "abc")),
        (FRESH, ("Age", "-7200")),
        (FRESH, ("Age", "0, 7200")),
        (("Cache-Control", "max-age=10000"), ("Age", "3600"), ("Age", "3600")),
        (FRESH, ("Set-Cookie", "a=b")),
        (FRESH, ("Pragma", "no-cache")),
        (("CDN-Cache-Control", "max-age=3600"), ("Expires", date(-10_000))),
        (("CDN-Cache-Control", "max-age=3600"), ("Cache-Control", "max-age=1")),
        (("CDN-Cache-Control", "max-age=10000"), ("Cache-Control", "no-store")),
        (("Last-Modified", date(-86_400)),),
    ],
)
def test_reused(fields: Fields) -> None:
    assert isinstance(ask(keep(*response(*fields))), Serve)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (SHORT,),
        (("Cache-Control", "max-age=0"),),
        (("Cache-Control", "max-age=-3600"),),
        (("Cache-Control", "max-age='3600'"),),
        (("Cache-Control", 'extension="max-age=3600", max-age=1'),),
        (("Cache-Control", 'max-age=1, extension="max-age=3600"'),),
        (("Cache-Control", "max-age=3600, s-maxage=1"),),
        (("Cache-Control", "max-age=3600"), ("Cache-Control", "s-maxage=1")),
        (("Cache-Control", "max-age=0"), ("Expires", date(3600))),
        (("Expires", date(0)),),
        (("Expires", date(-30)),),
        (("Expires", "0"),),
        (("Expires", "Thu, 18 Aug 2050 02:01:18 UTC"),),
        (("Expires", "Thu, 18 Aug 50 02:01:18 GMT"),),
        (FRESH, ("Age", "7200")),
        (FRESH, ("Age", "7200, 0")),
        (FRESH, ("Age", "7200"), ("Age", "0")),
        (FRESH, ("Age", "2147483649")),
        (("Cache-Control", "max-age=10000, no-cache"), ("Expires", date(10_000))),
        (("Cache-Control", "max-age=10000, No-CaChE"), TAG),
        (("CDN-Cache-Control", "max-age=0"), ("Expires", date(10_000))),
        (("CDN-Cache-Control", "max-age=1"), FRESH),
        (("CDN-Cache-Control", "no-cache"), FRESH),
        (("CDN-Cache-Control", "max-age=3600"), ("Age", "7200")),
        (("Vary", "*"), FRESH),
    ],
)
def test_not_reused(fields: Fields) -> None:
    assert isinstance(ask(keep(*response(*fields))), Fetch | Revalidate)


def test_the_apparent_age_counts() -> None:
    assert isinstance(ask(keep(("Date", date(-7200)), FRESH)), Revalidate)


@pytest.mark.parametrize(
    ("fields", "conditional"),
    [
        ((SHORT,), ()),
        ((SHORT, TAG), (("If-None-Match", '"abc"'),)),
        ((SHORT, ("ETag", 'W/"abc"')), (("If-None-Match", 'W/"abc"'),)),
        ((SHORT, MODIFIED), (("If-Modified-Since", date(-3000)),)),
        ((SHORT, TAG, MODIFIED), (("If-None-Match", '"abc"'), ("If-Modified-Since", date(-3000)))),
        ((SHORT, ("ETag", "abc")), ()),  # no entity tag, so nothing can be asked by it
        ((("Cache-Control", "no-cache"), TAG), (("If-None-Match", '"abc"'),)),
    ],
)
def test_validation(fields: Fields, conditional: Fields) -> None:
    decision = ask(kept(*response(*fields)))
    assert isinstance(decision, Revalidate)
    assert (decision.conditional, decision.forward) == (conditional, Forward.STALE)


@pytest.mark.parametrize(("status", "is_asked"), [(200, True), (206, True), (301, False), (404, False), (503, False)])
def test_only_a_success_is_asked_about(status: int, is_asked: bool) -> None:
    assert (conditional_fields(kept(SHORT, TAG, status=status)) != ()) is is_asked


@pytest.mark.parametrize(
    ("directives", "on_error"),
    [
        ("max-age=2", True),
        ("max-age=2, stale-if-error=60", True),
        ("max-age=2, stale-if-error=0", False),
        ("max-age=2, must-revalidate", False),
        ("max-age=2, proxy-revalidate", False),
        ("max-age=2, s-maxage=2", False),
        ("max-age=2, no-cache", False),
    ],
)
def test_what_may_be_served_when_the_upstream_fails(directives: str, on_error: bool) -> None:
    decision = ask(kept(("Cache-Control", directives)))
    assert isinstance(decision, Revalidate)
    assert decision.may_serve_on_error is on_error


def test_while_revalidating() -> None:
    stored = keep(*response(("Cache-Control", "max-age=1, stale-while-revalidate=4"), TAG))
    assert ask(stored) == ServeWhileRevalidating(3.0, -2.0, (("If-None-Match", '"abc"'),))
    assert isinstance(ask(stored, after=5), Revalidate)


@pytest.mark.parametrize(
    ("request_fields", "fields", "expected"),
    [
        ((("Cache-Control", "max-age=0"),), (FRESH,), Revalidate),
        ((("Cache-Control", "max-age=1"),), (FRESH,), Revalidate),
        ((("Cache-Control", "max-age=5"),), (FRESH,), Serve),
        ((("Cache-Control", "max-age=600"),), (FRESH, ("Age", "1800")), Revalidate),
        ((("Cache-Control", "max-stale=1000"),), (SHORT,), Serve),
        ((("Cache-Control", "max-stale"),), (SHORT,), Serve),
        ((("Cache-Control", "max-stale=1000"),), (("Cache-Control", "max-age=1500"), ("Age", "2000")), Serve),
        ((("Cache-Control", "max-stale=1000"),), (("Cache-Control", "max-age=1500"), ("Age", "2500")), Revalidate),
        ((("Cache-Control", "max-stale=1000"),), (("Cache-Control", "max-age=2, must-revalidate"),), Revalidate),
        ((("Cache-Control", "max-stale=1000"),), (("Cache-Control", "s-maxage=2"),), Revalidate),
        ((("Cache-Control", "max-stale=1000"),), (("Cache-Control", "max-age=9, no-cache"),), Revalidate),
        ((("Cache-Control", "min-fresh=2000"),), (("Cache-Control", "max-age=1500"),), Revalidate),
        ((("Cache-Control", "min-fresh=1000"),), (("Cache-Control", "max-age=1500"), ("Age", "1000")), Revalidate),
        ((("Cache-Control", "min-fresh=1000"),), (("Cache-Control", "max-age=1500"),), Serve),
        ((("Cache-Control", "no-cache"),), (FRESH,), Revalidate),
        ((("Pragma", "no-cache"),), (FRESH,), Revalidate),
        ((("Pragma", "unrecognised"),), (FRESH,), Serve),
        ((("Cache-Control", "no-store"),), (FRESH,), Fetch),
        ((("Cache-Control", "only-if-cached"),), (FRESH,), Serve),
        ((("Cache-Control", "only-if-cached"),), (SHORT,), Unsatisfiable),
        ((("Cache-Control", "only-if-cached, max-stale"),), (SHORT,), Serve),
        ((("Cache-Control", "nothing-to-see-here"), ("Pragma", "foo"), ("Cookie", "a=b")), (FRESH,), Serve),
    ],
)
def test_what_a_client_asks_for(request_fields: Fields, fields: Fields, expected: type) -> None:
    assert isinstance(ask(kept(*fields), *request_fields), expected)


def test_a_reload_counts_however_young_the_response_is() -> None:
    assert ask(kept(FRESH), after=0) == Serve(0.0, 3600.0)
    assert isinstance(ask(kept(FRESH), ("Cache-Control", "max-age=0"), after=0), Revalidate)


def test_why_a_client_made_us_ask() -> None:
    stored = kept(FRESH, MODIFIED)
    decision = ask(stored, ("Cache-Control", "no-cache"))
    assert isinstance(decision, Revalidate)
    assert (decision.forward, decision.conditional) == (Forward.REQUEST, (("If-Modified-Since", date(-3000)),))
    assert ask(stored, ("Cache-Control", "no-store")) == Fetch(Forward.REQUEST)
    assert ask(kept(SHORT), ("Cache-Control", "max-stale")) == Serve(3.0, -1.0, is_stale=True)


@pytest.mark.parametrize("directive", ["no-cache", "no-store", "max-age=0", "min-fresh=9999", "only-if-cached"])
def test_clients_that_do_not_count(directive: str) -> None:
    policy = Policy(honour_request=False)
    request = (("Cache-Control", directive), ("Pragma", "no-cache"))
    assert ask(kept(FRESH), *request, policy=policy) == Serve(3.0, 3597.0)
    assert ask(None, *request, policy=policy) == Fetch(Forward.URI_MISS)


def test_nothing_is_stored() -> None:
    assert ask(None) == Fetch(Forward.URI_MISS)
    assert ask(None, ("Cache-Control", "only-if-cached")) == Unsatisfiable()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "M-SEARCH", "get"])
def test_other_methods_are_passed_on(method: str) -> None:
    assert ask(kept(FRESH), method=method) == Fetch(Forward.METHOD)
    assert ask(kept(FRESH), ("Cache-Control", "only-if-cached"), method=method) == Fetch(Forward.METHOD)


def test_head_is_answered_from_a_get() -> None:
    assert ask(kept(FRESH), method="HEAD") == Serve(3.0, 3597.0)
    assert isinstance(ask(kept(SHORT), method="HEAD"), Revalidate)


@pytest.mark.parametrize(
    ("vary", "first", "second", "is_reused"),
    [
        ("Foo", (("Foo", "1"),), (("Foo", "1"),), True),
        ("Foo", (("Foo", "1"), ("Other", "2")), (("Foo", "1"), ("Other", "3")), True),
        ("Foo", (("Foo", "1"),), (("Foo", "2"),), False),
        ("Foo", (), (("Foo", "1"),), False),
        ("Foo", (("Foo", "1"),), (), False),
        ("Foo, Bar", (("Foo", "1"), ("Bar", "a")), (("Bar", "a"), ("Foo", "1")), True),
        ("Foo, Bar", (("Foo", "1"), ("Bar", "a")), (("Foo", "2"), ("Bar", "a")), False),
        ("Foo, Bar, Baz", (("Foo", "1"), ("Baz", "7")), (("Foo", "1"), ("Baz", "7")), True),
        (
            "Foo, Bar, Baz",
            (("Foo", "1"), ("Bar", "a"), ("Baz", "7")),
            (("Foo", "1"), ("Baz", "7"), ("Bar", "ab")),
            False,
        ),
        ("Foo", (("Foo", "1, 2"),), (("Foo", "1"), ("Foo", "2")), True),
        ("Accept-Language", (("Accept-Language", "en, de"),), (("Accept-Language", "De,eN"),), True),
    ],
)
def test_variants(vary: str, first: Fields, second: Fields, is_reused: bool) -> None:
    decision = ask(keep(*response(FRESH, MODIFIED, ("Vary", vary)), request=first), *second)
    assert isinstance(decision, Serve) if is_reused else decision == Fetch(Forward.VARY_MISS)


def test_a_stored_response_that_came_to_vary_on_everything_is_not_reused() -> None:
    assert ask(kept(FRESH, ("Vary", "*"))) == Fetch(Forward.VARY_MISS)


@pytest.mark.parametrize(
    ("directives", "is_shared"),
    [("max-age=60", False), ("max-age=60, public", True), ("max-age=60, must-revalidate", True), ("s-maxage=60", True)],
)
def test_authorization(directives: str, is_shared: bool) -> None:
    fields = response(("Cache-Control", directives))
    request = ("Authorization", "FOO")
    assert (keep(*fields, request=(request,)) is not None) is is_shared
    assert isinstance(ask(keep(*fields)), Serve)
    decision = ask(keep(*fields), request)
    assert isinstance(decision, Serve) if is_shared else decision == Fetch(Forward.BYPASS)


def test_purges() -> None:
    stored = kept(("Cache-Control", "max-age=60, stale-while-revalidate=30"), TAG)
    assert ask(stored, purged=Purged.HARD) == Fetch(Forward.MISS)
    assert ask(stored, purged=Purged.SOFT) == ServeWhileRevalidating(3.0, 0.0, (("If-None-Match", '"abc"'),))
    decision = ask(kept(FRESH, TAG), purged=Purged.SOFT)
    assert decision == Revalidate((("If-None-Match", '"abc"'),), True, 3.0, 0.0, Forward.STALE)
    bound = ask(kept(("Cache-Control", "max-age=60, must-revalidate")), purged=Purged.SOFT)
    assert bound == Revalidate((), False, 3.0, 0.0, Forward.STALE)
    # A client that takes old responses has not taken one that was recalled.
    assert isinstance(ask(kept(FRESH), ("Cache-Control", "max-stale"), purged=Purged.SOFT), Revalidate)


def test_a_post_that_is_what_a_get_would_get() -> None:
    fields = response(FRESH, ("Content-Location", "/a"))
    assert isinstance(ask(keep(*fields, method="POST", target_uri="/a")), Serve)


@pytest.mark.parametrize("status", [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 503, 599])
def test_any_status_is_fresh_or_stale(status: int) -> None:
    assert isinstance(ask(keep(*response(FRESH), status=status)), Serve)
    stale = keep(*response(("Expires", date(-5000)), ("Last-Modified", date(-100_000))), status=status)
    assert isinstance(ask(stale), Revalidate)


@given(any_fields, any_fields, st.integers(0, 10_000), st.sampled_from(list(Purged)), st.sampled_from([200, 404, 206]))
def test_what_is_stale_is_served_only_where_it_may_be(
    request: Fields, fields: Fields, after: int, purged: Purged, status: int
) -> None:
    decision = ask(kept(*fields, status=status), *request, after=after, purged=purged)
    match decision:
        case Serve(age, ttl, is_stale):
            assert age >= after
            assert (ttl <= 0) is is_stale
            assert purged is Purged.NONE or not is_stale
        case ServeWhileRevalidating(age, ttl):
            assert age >= after
            assert ttl <= 0
        case Revalidate(conditional):
            assert {name for name, _ in conditional} <= {"If-None-Match", "If-Modified-Since"}
        case Fetch() | Unsatisfiable():
            pass
    assert purged is not Purged.HARD or isinstance(decision, Fetch | Unsatisfiable)
