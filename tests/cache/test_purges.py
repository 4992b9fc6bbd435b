"""Purges against a model that looks at every record."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.purges import (
    CLOCKS_APART,
    LONGEST_VALUE,
    Purge,
    PurgeMeaningless,
    PurgeTable,
    PurgeVerdict,
    Scope,
    canonical,
    canonical_url,
)

NOW = 1_800_000_000.0
NONE, SOFT, HARD = PurgeVerdict.NONE, PurgeVerdict.SOFT, PurgeVerdict.HARD

_ids = count()


def purge(scope: Scope, value: str, at: float = NOW, *, is_soft: bool = True, name: str | None = None) -> Purge:
    return Purge(scope, canonical(scope, value), is_soft, at, name or f"p{next(_ids)}")


def table(*purges: Purge, most: int = 1000, mounts: tuple[str, ...] = ("/vod", "/vod/deep", "/live")) -> PurgeTable:
    """A table that heard of each purge at the purge's own time."""
    made = PurgeTable(mounts=mounts, most=most)
    for one in purges:
        made.apply([one], one.at, is_news=True)
    return made


def is_hit(scope: Scope, value: str, url: str, tags: tuple[str, ...] = (), *, stored_at: float = NOW) -> bool:
    return table(purge(scope, value)).verdict(url, tags, stored_at) is SOFT


@pytest.mark.parametrize(
    ("value", "url", "is_meant"),
    [
        ("/vod/a.ts", "/vod/a.ts", True),
        ("/vod/a.ts", "/vod/a.ts?v=2", True),
        ("/vod/a.ts", "/vod/a.ts/b", False),
        ("/vod/a.ts", "/vod/b.ts", False),
        ("/vod/a.ts?v=2", "/vod/a.ts?v=2", True),
        ("/vod/a.ts?v=2", "/vod/a.ts?v=3", False),
        ("/vod/a.ts?v=2", "/vod/a.ts", False),
        ("/vod/a.ts?", "/vod/a.ts?v=3", True),
        ("https://cdn.example/vod/a.ts?v=2#t", "/vod/a.ts?v=2", True),
        ("HTTP://cdn.example", "/", True),
        ("/%76od/%41%2d.ts", "/vod/A-.ts", True),
        ("/a?x=%7e%C3%a9", "/a?x=~%c3%A9", True),
        ("/a?x=%7e", "/a?x=%7E", True),
        ("/a?x=%2", "/a?x=%2", True),
        ("/a?x=<\\é>", "/a?x=%3C%5c%c3%a9>", True),
        ("/a?", "/a?", True),
    ],
)
def test_a_url(value: str, url: str, is_meant: bool) -> None:
    assert is_hit(Scope.URL, value, url) is is_meant


@pytest.mark.parametrize(
    ("value", "url", "is_meant"),
    [
        ("/vod/a", "/vod/a", True),
        ("/vod/a", "/vod/a/", True),
        ("/vod/a", "/vod/a/1/2.ts?x", True),
        ("/vod/a/", "/vod/a/1.ts", True),
        ("/vod/a", "/vod/ab", False),
        ("/vod/a", "/vod", False),
        ("/vod/a", "/live/vod/a", False),
        ("/", "/any/thing", True),
        ("/*", "/any/thing?x=1", True),
        ("/vod/a*", "/vod/ab", True),
        ("/vod/a*", "/vod/a", True),
        ("/vod/a*", "/vod/b", False),
        ("/vod/a/*", "/vod/a/1/2.ts", True),
        ("/vod/a/*", "/vod/a", False),
        ("/vod/a.mp4?v=*", "/vod/a.mp4?v=22", True),
        ("/vod/a.mp4?v=*", "/vod/a.mp4?w=22", False),
        ("/vod/a.mp4?*", "/vod/a.mp4", False),
        ("/vod/a?p=/x/*", "/vod/a?p=/x/y", True),
        ("https://cdn.example/v%6Fd", "/vod/x", True),
    ],
)
def test_a_prefix(value: str, url: str, is_meant: bool) -> None:
    assert is_hit(Scope.PREFIX, value, url) is is_meant


def test_a_tag() -> None:
    assert is_hit(Scope.TAG, "film-7", "/a", ("x", "film-7"))
    assert not is_hit(Scope.TAG, "film-7", "/a", ("Film-7",))
    assert not is_hit(Scope.TAG, "film-7", "/film-7")


def test_what_was_stored_later_is_not_meant() -> None:
    assert is_hit(Scope.URL, "/a", "/a", stored_at=NOW)
    assert not is_hit(Scope.URL, "/a", "/a", stored_at=NOW + 0.001)


def test_the_worst_counts_and_neither_takes_the_other_back() -> None:
    made = table(
        purge(Scope.URL, "/a", NOW, is_soft=False),
        purge(Scope.TAG, "t", NOW + 10),
        purge(Scope.URL, "/a", NOW + 20),
    )
    assert made.verdict("/a", ("t",), NOW) is HARD
    assert made.verdict("/a", ("t",), NOW + 15) is SOFT
    assert made.verdict("/b", ("t",), NOW + 15) is NONE
    assert made.verdict("/a", (), NOW + 21) is NONE


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (Scope.URL, ""),
        (Scope.URL, "vod/a"),
        (Scope.URL, "ftp://cdn.example/a"),
        (Scope.URL, "http:///a"),
        (Scope.URL, "http://[x/a"),
        (Scope.URL, "//cdn.example/a"),
        (Scope.URL, "/a b"),
        (Scope.URL, "/a%2"),
        (Scope.URL, "/a\\b"),
        (Scope.URL, "/a\nb"),
        (Scope.URL, "/a/../b"),
        (Scope.URL, "/a/%2e%2E/b"),
        (Scope.URL, "/a%2Fb"),
        (Scope.URL, "/a//b"),
        (Scope.URL, "/" + "a" * LONGEST_VALUE),
        (Scope.PREFIX, "*"),
        (Scope.PREFIX, "vod*"),
        (Scope.PREFIX, "/vod?a=1"),
        (Scope.TAG, " film"),
        (Scope.TAG, "a\r\nb"),
    ],
)
def test_what_can_name_nothing_is_refused_and_not_repeated(scope: Scope, value: str) -> None:
    with pytest.raises(PurgeMeaningless) as caught:
        canonical(scope, value)
    assert not value or value not in str(caught.value)


@given(st.text("/ab%27eF.~?=&é-\\", max_size=20))
def test_a_canonical_url_stays_as_it_is(text: str) -> None:
    try:
        url = canonical_url(f"/{text}")
    except PurgeMeaningless:
        return
    assert canonical_url(url) == url


def test_a_purge_that_is_read_later_means_what_was_stored_at_its_time() -> None:
    made = PurgeTable()
    made.apply([purge(Scope.URL, "/a", NOW)], NOW + 1000, is_news=False)
    assert made.verdict("/a", (), NOW + CLOCKS_APART) is SOFT
    assert made.verdict("/a", (), NOW + CLOCKS_APART + 1) is NONE


def test_another_clock_that_is_ahead_or_behind_loses_nothing() -> None:
    ahead, behind = purge(Scope.URL, "/a", NOW + 50), purge(Scope.URL, "/b", NOW - 5000)
    made = PurgeTable()
    made.apply([ahead], NOW, is_news=False)
    made.apply([behind], NOW, is_news=True)
    for url in ("/a", "/b"):
        assert made.verdict(url, (), NOW) is SOFT
        assert made.verdict(url, (), NOW + 1) is NONE


def test_a_known_purge_changes_nothing() -> None:
    known = purge(Scope.URL, "/a", NOW)
    made = table(known)
    for is_news in (True, False):
        assert made.apply([known], NOW + 30, is_news=is_news) == []
    assert known in made
    assert made.verdict("/a", (), NOW + 30) is NONE


def test_the_newest_takes_the_place_of_the_older() -> None:
    first, second = purge(Scope.URL, "/a", NOW), purge(Scope.URL, "/a", NOW + 1)
    made = table(first, second)
    assert list(made) == [second]
    assert first not in made
    made.apply([first], NOW + 2, is_news=True)
    assert list(made) == [second]
    assert made.verdict("/a", (), NOW + 2) is SOFT, "it has been heard of just now, whatever its clock says"


@pytest.mark.parametrize("is_soft", [True, False])
def test_an_older_one_that_is_read_later_takes_nothing_back(is_soft: bool) -> None:
    made = PurgeTable(longest_lifetime=1000)
    made.apply([purge(Scope.URL, "/a", NOW + 500, is_soft=is_soft)], NOW + 500, is_news=True)
    made.apply([purge(Scope.URL, "/a", NOW, is_soft=is_soft)], NOW + 600, is_news=False)
    assert made.verdict("/a", (), NOW + 500) is (SOFT if is_soft else HARD)
    assert made.apply([], NOW + 1400, is_news=False) == []


def test_old_records_go() -> None:
    made = PurgeTable(longest_lifetime=100)
    soft, hard = purge(Scope.PREFIX, "/a*", NOW), purge(Scope.PREFIX, "/a*", NOW + 60, is_soft=False)
    made.apply([soft], NOW, is_news=True)
    made.apply([hard], NOW + 60, is_news=True)
    assert made.apply([], NOW + 101, is_news=False) == [soft]
    assert made.verdict("/ab", (), NOW) is HARD
    assert made.apply([], NOW + 161, is_news=False) == [hard]
    assert (len(made), made.verdict("/ab", (), NOW)) == (0, NONE)
    assert made._lengths == {}
    assert made.apply([soft], NOW + 161, is_news=False) == [soft]
    assert len(made) == 0


def test_too_many_urls_become_their_mounts() -> None:
    purges = [
        purge(Scope.URL, f"/{where}/{number}", NOW + number, is_soft=number % 2 == 0)
        for number in range(100)
        for where in ("vod", "live", "vod/deep", "elsewhere")
    ]
    made = table(*purges, purge(Scope.TAG, "t", NOW - 1), most=200)
    assert len(made) <= 200
    values = {one.value for one in made if one.scope is Scope.PREFIX}
    assert values == {"/", "/vod", "/vod/deep", "/live"}
    assert any(one.scope is Scope.TAG for one in made)
    for one in purges:
        assert made.verdict(one.value, (), one.at) >= (SOFT if one.is_soft else HARD)
    assert made.verdict("/live/99", (), NOW + 100) is NONE


def test_a_mounts_prefix_is_no_url() -> None:
    purges = [purge(Scope.URL, f"/100%25%20%C3%A9/{number}") for number in range(20)]
    made = table(*purges, most=16, mounts=("/100% é/",))
    assert "/100%25%20%C3%A9" in {one.value for one in made}


def test_too_many_tags_become_everything() -> None:
    purges = [purge(Scope.TAG, f"t{number}", NOW + number) for number in range(40)]
    made = table(*purges, most=16)
    assert len(made) <= 16
    assert all(made.verdict("/x", (one.value,), one.at) is SOFT for one in purges)
    assert made.verdict("/x", (), NOW) is SOFT
    assert made.verdict("/x", (), NOW + 39) is NONE


def test_another_nodes_folded_purge_takes_its_urls_along() -> None:
    urls = [purge(Scope.URL, f"/vod/{number}", NOW + number) for number in range(20)]
    here, there = table(*urls), PurgeTable(mounts=("/vod",), most=16)
    dropped = there.apply(urls, NOW + 20, is_news=True)
    (folded,) = [one for one in there if one.scope is Scope.PREFIX]
    gone = here.apply([folded], NOW + 21, is_news=True)
    assert {one.id for one in gone} == {one.id for one in dropped}
    assert {one.id for one in here} == {one.id for one in there}


def test_a_folded_purge_takes_nothing_along_that_means_more() -> None:
    late, hard = purge(Scope.URL, "/vod/late", NOW), purge(Scope.URL, "/vod/hard", NOW, is_soft=False)
    made = PurgeTable(mounts=("/vod",))
    made.apply([late, hard], NOW + 1000, is_news=True)
    folded = purge(Scope.PREFIX, "/vod", NOW + 1, name=f"folded:soft:{NOW + 1!r}:/vod")
    assert made.apply([folded], NOW + 1000, is_news=False) == []
    assert made.verdict("/vod/late", (), NOW + 500) is SOFT
    assert made.verdict("/vod/hard", (), NOW + 500) is HARD
    assert made.verdict("/vod/x", (), NOW + 500) is NONE


_SEGMENT = st.sampled_from(["a", "b", "ab"])
_PATHS = st.lists(_SEGMENT, min_size=1, max_size=3).map(lambda segments: "/" + "/".join(segments))
_URLS = st.tuples(_PATHS, st.sampled_from(["", "?v=1", "?v=a/b"])).map("".join)
_TAGS = st.sampled_from(["s", "t", "u"])
_VALUES = st.one_of(
    st.tuples(st.just(Scope.URL), _URLS),
    st.tuples(st.just(Scope.PREFIX), st.one_of(_PATHS, _URLS.map(lambda url: f"{url}*"), st.just("/"))),
    st.tuples(st.just(Scope.TAG), _TAGS),
)
_PURGES = st.lists(st.tuples(_VALUES, st.booleans(), st.integers(0, 9)), max_size=12)


def model(purges: list[Purge], url: str, tags: list[str], stored_at: float) -> PurgeVerdict:
    def means(one: Purge) -> bool:
        if one.scope is Scope.TAG:
            return one.value in tags
        if one.scope is Scope.URL:
            return one.value in {url, url.partition("?")[0]}
        if one.value.endswith("*"):
            return url.startswith(one.value[:-1])
        return (url.partition("?")[0] + "/").startswith(one.value.rstrip("/") + "/")

    meant = [one for one in purges if means(one) and stored_at <= one.at]
    return max((SOFT if one.is_soft else HARD for one in meant), default=NONE)


@given(_PURGES, _URLS, st.lists(_TAGS, max_size=2), st.integers(0, 10))
def test_a_table_agrees_with_looking_at_every_record(
    wanted: list[tuple[tuple[Scope, str], bool, int]], url: str, tags: list[str], stored_at: int
) -> None:
    purges = [purge(scope, value, float(at), is_soft=is_soft) for (scope, value), is_soft, at in wanted]
    made = table(*purges)
    assert made.verdict(url, tags, stored_at) is model(purges, url, tags, stored_at)


@given(_PURGES, st.lists(_URLS, min_size=1), st.integers(0, 10))
def test_a_table_that_folds_forgets_nothing(
    wanted: list[tuple[tuple[Scope, str], bool, int]], urls: list[str], stored_at: int
) -> None:
    purges = [purge(scope, value, float(at), is_soft=is_soft) for (scope, value), is_soft, at in wanted]
    noise = [purge(Scope.URL, f"/n{number}", 5.0) for number in range(16)]
    made = table(*purges, *noise, most=16)
    assert len(made) <= 16
    for url in urls:
        assert made.verdict(url, ("t",), stored_at) >= model(purges, url, ["t"], stored_at)
