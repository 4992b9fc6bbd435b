from __future__ import annotations

from collections.abc import Callable

import pytest

from origin.http.caching import (
    NO_STORE,
    CacheControl,
    CacheStatus,
    Forward,
    Timing,
    age,
    cache_control,
    cache_status,
    cdn_cache_control,
    fold_vary,
    merge_vary,
    server_timing,
)


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        (CacheControl(), ""),
        (NO_STORE, "no-store"),
        (CacheControl(max_age=0), "max-age=0"),
        (CacheControl(private=True, no_cache=True), "private, no-cache"),
        (
            CacheControl(public=True, immutable=True, max_age=31_536_000),
            "public, immutable, max-age=31536000",
        ),
        (
            CacheControl(max_age=2, s_maxage=6, stale_while_revalidate=2, stale_if_error=60),
            "max-age=2, s-maxage=6, stale-while-revalidate=2, stale-if-error=60",
        ),
        (CacheControl(must_revalidate=True, no_transform=True), "no-transform, must-revalidate"),
        (CacheControl(max_age=10**12), "max-age=2147483648"),
    ],
)
def test_directives(policy: CacheControl, value: str) -> None:
    assert cache_control(policy) == ("Cache-Control", value)
    assert cdn_cache_control(policy) == ("CDN-Cache-Control", value)


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match="exclude"):
        CacheControl(public=True, private=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CacheControl(max_age=-1),
        lambda: CacheControl(s_maxage=-1),
        lambda: CacheControl(stale_while_revalidate=-1),
        lambda: CacheControl(stale_if_error=-1),
    ],
)
def test_negative_times_are_refused(make: Callable[[], CacheControl]) -> None:
    with pytest.raises(ValueError, match="negative"):
        make()


@pytest.mark.parametrize(("seconds", "value"), [(0, "0"), (1.99, "1"), (-3, "0"), (1e18, "2147483648")])
def test_age(seconds: float, value: str) -> None:
    assert age(seconds) == ("Age", value)


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (CacheStatus("headgate"), "headgate; hit"),
        (CacheStatus("headgate", ttl=-4), "headgate; hit; ttl=-4"),
        (CacheStatus("edge 1"), '"edge 1"; hit'),
        (
            CacheStatus("headgate", Forward.URI_MISS, forward_status=200, ttl=30, stored=True, collapsed=True),
            "headgate; fwd=uri-miss; fwd-status=200; ttl=30; stored; collapsed",
        ),
        (
            CacheStatus("headgate", Forward.STALE, key='/vod/a"b', detail="stale_error"),
            'headgate; fwd=stale; key="/vod/a\\"b"; detail=stale_error',
        ),
        (
            CacheStatus("headgate", Forward.BYPASS, detail="two words"),
            'headgate; fwd=bypass; detail="two words"',
        ),
    ],
)
def test_cache_status_members(status: CacheStatus, value: str) -> None:
    assert cache_status(status) == ("Cache-Status", value)


def test_cache_status_lists_the_cache_nearest_to_the_origin_first() -> None:
    shield, edge = CacheStatus("shield", Forward.MISS), CacheStatus("edge")
    assert cache_status(shield, edge) == ("Cache-Status", "shield; fwd=miss, edge; hit")


def test_server_timing() -> None:
    assert server_timing([Timing("verify", 0.0421), Timing("store", 12)]) == (
        "Server-Timing",
        "verify;dur=0.042, store;dur=12.000",
    )


@pytest.mark.parametrize("name", ["", "a b", "a,b", "é"])
def test_a_timing_has_a_token_for_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="token"):
        Timing(name, 1.0)


@pytest.mark.parametrize(
    ("values", "merged"),
    [
        ((), ""),
        (("Origin",), "Origin"),
        (("Origin", "Accept-Encoding"), "Origin, Accept-Encoding"),
        (("Accept-Encoding , Origin", "origin,accept-encoding"), "Accept-Encoding, Origin"),
        (("Origin", "*"), "*"),
        (("", " , "), ""),
    ],
)
def test_merging_vary(values: tuple[str, ...], merged: str) -> None:
    assert merge_vary(*values) == merged


def test_folding_vary_among_other_fields() -> None:
    headers = (("Vary", "Origin"), ("ETag", '"a"'), ("vary", "Accept-Encoding"))
    assert fold_vary(headers) == (("ETag", '"a"'), ("Vary", "Origin, Accept-Encoding"))
    assert fold_vary(headers[:2]) == headers[:2]
