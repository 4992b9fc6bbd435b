from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.fields import Fields, combined
from origin.httpcache.directives import request_directives, response_directives
from origin.httpcache.policy import Policy
from origin.httpcache.storing import StoreVerdict, may_store, storable_fields, stored_of
from tests.origin.httpcache.exchanges import NOW, POLICY, any_fields, date, kept, response

FRESH = ("Cache-Control", "max-age=3600")
OLD = ("Last-Modified", date(-100_000))


def verdict(
    *fields: tuple[str, str], status: int = 200, request: Fields = (), policy: Policy = POLICY, method: str = "GET"
) -> StoreVerdict:
    return may_store(method, request, status, response(*fields), policy)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((FRESH,), StoreVerdict.STORE),
        ((("Expires", date(60)),), StoreVerdict.STORE),
        ((("Expires", "Thursday, 18-Aug-50 02:01:18 GMT"),), StoreVerdict.STORE),  # the century is that of Date
        ((OLD,), StoreVerdict.STORE),
        ((("ETag", '"a"'),), StoreVerdict.STORE),
        ((("Cache-Control", "no-cache"), ("ETag", '"a"')), StoreVerdict.STORE),
        ((("Cache-Control", "max-age=0"), ("ETag", 'W/"a"')), StoreVerdict.STORE),
        ((("Cache-Control", "max-age=0, stale-if-error=60"),), StoreVerdict.STORE),
        ((("Cache-Control", 'private="x-a", max-age=60'),), StoreVerdict.STORE),
        ((("Vary", "Accept"), FRESH), StoreVerdict.STORE),
        ((("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "no-store, private")), StoreVerdict.STORE),
        ((("CDN-Cache-Control", "none"), ("Cache-Control", "no-store"), OLD), StoreVerdict.STORE),
        ((("Content-Disposition", "attachment"), OLD), StoreVerdict.STORE),
        ((("Pragma", "no-cache"), FRESH), StoreVerdict.STORE),
        ((), StoreVerdict.NOT_EXPLICIT),
        ((("Cache-Control", "public"),), StoreVerdict.NOT_EXPLICIT),
        ((("ETag", "no-tag"),), StoreVerdict.NOT_EXPLICIT),
        ((("CDN-Cache-Control", "none"), FRESH), StoreVerdict.NOT_EXPLICIT),
        ((("CDN-Cache-Control", "none"), ("Expires", date(60))), StoreVerdict.NOT_EXPLICIT),
        ((("Cache-Control", "max-age=0"),), StoreVerdict.NOT_REUSABLE),
        ((("Expires", "0"),), StoreVerdict.NOT_REUSABLE),
        ((("Cache-Control", "max-age=60, no-cache"),), StoreVerdict.NOT_REUSABLE),
        ((("Cache-Control", "no-store"), ("ETag", '"a"')), StoreVerdict.NO_STORE),
        ((("Cache-Control", "max-age=10000, No-StOrE"), ("Expires", date(60))), StoreVerdict.NO_STORE),
        ((("CDN-Cache-Control", "no-store"), FRESH, ("Expires", date(60))), StoreVerdict.NO_STORE),
        ((("CDN-Cache-Control", "max-age=60, &&"), ("Cache-Control", "no-store")), StoreVerdict.NO_STORE),
        ((("Cache-Control", "private, max-age=3600"),), StoreVerdict.PRIVATE),
        ((("CDN-Cache-Control", "private"), FRESH), StoreVerdict.PRIVATE),
        ((("Vary", "*"), FRESH), StoreVerdict.VARY_STAR),
        ((("Vary", "Foo"), ("Vary", ", *"), FRESH), StoreVerdict.VARY_STAR),
    ],
)
def test_by_its_fields(fields: Fields, expected: StoreVerdict) -> None:
    assert verdict(*fields) is expected


@pytest.mark.parametrize(
    "status",
    [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599],
)
def test_any_final_status_with_explicit_freshness(status: int) -> None:
    assert verdict(FRESH, status=status) is StoreVerdict.STORE


@pytest.mark.parametrize("status", [100, 103, 304, 412, 416, 417])
def test_never_what_is_about_one_request_or_not_final(status: int) -> None:
    assert verdict(FRESH, status=status) is StoreVerdict.STATUS


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
def test_cacheable_by_default(status: int) -> None:
    assert verdict(OLD, status=status) is StoreVerdict.STORE


@pytest.mark.parametrize("status", [201, 202, 302, 403, 500, 502, 503, 504, 599])
def test_not_cacheable_by_default(status: int) -> None:
    assert verdict(OLD, status=status) is StoreVerdict.NOT_EXPLICIT
    assert verdict(OLD, ("Cache-Control", "public"), status=status) is StoreVerdict.STORE


def test_a_negative_answer_that_the_policy_names() -> None:
    assert verdict(status=404) is StoreVerdict.STORE
    assert verdict(status=503) is StoreVerdict.NOT_EXPLICIT
    assert verdict(status=503, policy=Policy(default_negative_seconds={503: 1})) is StoreVerdict.STORE
    assert verdict(status=404, policy=Policy(default_negative_seconds={})) is StoreVerdict.NOT_EXPLICIT
    assert verdict(status=404, policy=Policy(default_negative_seconds={404: 0})) is StoreVerdict.NOT_EXPLICIT


def test_a_rule_for_freshness_makes_storable_what_says_nothing_but_not_what_forbids_it() -> None:
    policy = Policy(override_seconds=60)
    assert verdict(policy=policy) is StoreVerdict.STORE
    assert verdict(("Cache-Control", "max-age=0"), policy=policy) is StoreVerdict.STORE
    assert verdict(("Cache-Control", "no-store"), policy=policy) is StoreVerdict.NO_STORE
    assert verdict(("Cache-Control", "private"), policy=policy) is StoreVerdict.PRIVATE
    assert verdict(status=500, policy=policy) is StoreVerdict.NOT_EXPLICIT
    assert verdict(status=302, policy=policy) is StoreVerdict.NOT_EXPLICIT


def test_must_understand() -> None:
    both = ("Cache-Control", "max-age=3600, no-store, must-understand")
    assert verdict(both, status=200) is StoreVerdict.STORE
    assert verdict(both, status=599) is StoreVerdict.STATUS
    assert verdict(("Cache-Control", "max-age=3600, must-understand"), status=299) is StoreVerdict.STATUS


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ("max-age=3600", StoreVerdict.AUTHORIZATION),
        ("max-age=3600, proxy-revalidate", StoreVerdict.AUTHORIZATION),
        ("max-age=3600, public", StoreVerdict.STORE),
        ("max-age=3600, must-revalidate", StoreVerdict.STORE),
        ("s-maxage=3600", StoreVerdict.STORE),
        ("s-maxage=3600, private", StoreVerdict.PRIVATE),
    ],
)
def test_a_request_with_authorization(directives: str, expected: StoreVerdict) -> None:
    assert verdict(("Cache-Control", directives), request=(("authorization", "FOO"),)) is expected


def test_a_client_may_forbid_to_store_if_clients_count() -> None:
    request = (("Cache-Control", "no-store"),)
    assert verdict(FRESH, request=request) is StoreVerdict.NO_STORE
    assert verdict(FRESH, request=request, policy=Policy(honour_request=False)) is StoreVerdict.STORE
    assert verdict(FRESH, request=(("Cookie", "a=b"),)) is StoreVerdict.STORE


def test_cookies() -> None:
    cookie = ("Set-Cookie", "a=b")
    assert verdict(FRESH, cookie) is StoreVerdict.STORE
    assert verdict(OLD, cookie) is StoreVerdict.SET_COOKIE  # nobody said that this may be shared
    refusing = Policy(store_set_cookie=False)
    assert verdict(FRESH, cookie, policy=refusing) is StoreVerdict.SET_COOKIE
    for directive in ("private", "no-cache"):  # the cookie alone is not to be stored
        excluding = ("Cache-Control", f'max-age=60, {directive}="Set-Cookie"')
        assert verdict(excluding, cookie, policy=refusing) is StoreVerdict.STORE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((("Content-Range", "bytes 4-9/10"),), StoreVerdict.STORE),
        ((("Content-Range", "bytes 4-9/*"), ("Content-Length", "6")), StoreVerdict.STORE),
        ((("Content-Range", "bytes 4-9/10"), ("Content-Length", "5")), StoreVerdict.PARTIAL),
        ((("Content-Range", "bytes 9-4/10"),), StoreVerdict.PARTIAL),
        ((("Content-Type", "multipart/byteranges; boundary=x"),), StoreVerdict.PARTIAL),
        ((), StoreVerdict.PARTIAL),
    ],
)
def test_parts(fields: Fields, expected: StoreVerdict) -> None:
    assert verdict(FRESH, *fields, status=206) is expected


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH", "get"])
def test_other_methods(method: str) -> None:
    assert verdict(FRESH, ("Content-Location", "/a"), method=method) is StoreVerdict.METHOD


@pytest.mark.parametrize(
    ("target_uri", "fields", "status", "expected"),
    [
        ("/a?b", (FRESH, ("Content-Location", "/a?b")), 200, StoreVerdict.STORE),
        ("http://h/a", (FRESH, ("Content-Location", "http://H:80/a")), 200, StoreVerdict.STORE),
        ("/a?b", (OLD, ("Content-Location", "/a?b")), 200, StoreVerdict.NOT_EXPLICIT),
        ("/a?b", (FRESH, ("Content-Location", "/a?c")), 200, StoreVerdict.METHOD),
        ("http://h/a", (FRESH, ("Content-Location", "http://i/a")), 200, StoreVerdict.METHOD),
        ("/a?b", (FRESH, ("Content-Location", "/a?b")), 201, StoreVerdict.METHOD),
        ("/a?b", (FRESH, ("Content-Location", "/a?b"), ("Content-Location", "/c")), 200, StoreVerdict.METHOD),
        ("/a?b", (FRESH,), 200, StoreVerdict.METHOD),
        (None, (FRESH, ("Content-Location", "/a?b")), 200, StoreVerdict.METHOD),
    ],
)
def test_post(target_uri: str | None, fields: Fields, status: int, expected: StoreVerdict) -> None:
    assert may_store("POST", (), status, response(*fields), POLICY, target_uri=target_uri) is expected


def test_what_is_kept() -> None:
    fields = (
        ("Cache-Control", 'max-age=60, no-cache="A", private="b, c"'),
        ("Connection", "d, close"),
        *((name, "1") for name in "abcde"),
        ("Keep-Alive", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Vary", "Foo, Bar"),
        ("Surrogate-Key", "one two"),
        ("Set-Cookie", "x=y"),
    )
    request = (("foo", "1"), ("Foo", " 2"))
    stored = stored_of(200, fields, POLICY, request_fields=request, requested_at=NOW - 1, received_at=NOW)
    assert stored.fields == (
        ("Cache-Control", 'max-age=60, no-cache="A", private="b, c"'),
        ("e", "1"),
        ("Vary", "Foo, Bar"),
        ("Surrogate-Key", "one two"),
        ("Set-Cookie", "x=y"),
        ("Date", date(0)),
    )
    assert stored.vary == (("bar", None), ("foo", "1,2"))
    assert stored.tags == ("one", "two")
    assert (stored.requested_at, stored.received_at) == (NOW - 1, NOW)


@pytest.mark.parametrize(("value", "expected"), [(date(-5), date(-5)), ("foo", date(0))])
def test_a_date_that_is_none_is_replaced(value: str, expected: str) -> None:
    assert kept(("Date", value), FRESH).fields.count(("Date", expected)) == 1


@given(any_fields, any_fields, st.sampled_from(["GET", "POST"]), st.integers(100, 999))
def test_what_forbids_storing_is_obeyed(request: Fields, fields: Fields, method: str, status: int) -> None:
    said = may_store(method, request, status, fields, POLICY, target_uri="/")
    if said is not StoreVerdict.STORE:
        return
    directives = response_directives(fields)
    assert not directives.private
    assert directives.must_understand or not directives.no_store
    assert not request_directives(request).no_store
    assert "*" not in (combined(fields, "vary") or "").replace(" ", "").split(",")
    kept_fields = dict(storable_fields(fields, POLICY))
    assert not {name.lower() for name in kept_fields} & (directives.private_fields | directives.no_cache_fields)
    kept(*fields, status=status, request=request)
