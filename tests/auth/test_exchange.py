"""What a session opens, for whom, and until when."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from auth.claims import Claims
from auth.dialects.session import Session
from auth.errors import Misuse
from auth.exchange import SessionPolicy, session_claims, short_lived, successor
from auth.rules.expressions import UrlHash
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import ExactUrl, Url, UrlPrefixes, UrlRule
from auth.scope import PathScope
from tests.auth.samples import HMAC_KEY, NOW, RING, found

POLICY = SessionPolicy(ttl=600, most=14_400, renew=300)
PATH = "/vod/film/i.m3u8"
FOLDER = PathScope.prefix("/vod/film")
URL = "https://cdn.example/vod/film/i.m3u8?x=1"
EXTERNAL = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod"), dialect="jwt", token_id="t-1")


def begun(claims: Claims = EXTERNAL, now: float = NOW, *, asset: str | None = "/vod/film", path: str = PATH) -> Claims:
    return session_claims(claims, path=path, asset_prefix=asset, now=now, session_id="s-1", policy=POLICY)


def test_it_is_for_the_same_viewer_and_can_be_minted() -> None:
    external = replace(
        EXTERNAL,
        issuer="https://issuer.example",
        subject="viewer",
        audience=("edge",),
        methods=frozenset({"GET"}),
        networks=(ip_network("192.0.2.0/24"),),
        asns=frozenset({64496}),
        one_time=True,
        strict_time=True,
        not_before=NOW - 1,
        extra=(("tier", "gold"),),
    )
    session = begun(external, NOW + 0.9)
    assert session == Claims(
        issuer="https://issuer.example",
        subject="viewer",
        audience=("edge",),
        methods=frozenset({"GET"}),
        networks=(ip_network("192.0.2.0/24"),),
        asns=frozenset({64496}),
        issued_at=NOW,
        expires=NOW + 14_400,
        session_ends=NOW + 14_400,
        token_id="t-1",
        session_id="s-1",
        scope=external.scope,
        dialect="session",
        extra=(("issued_for", "jwt"),),
    )
    for each in (session, short_lived(session, NOW, POLICY)):
        assert Session().verify(found(Session().mint(each, HMAC_KEY).reveal()), RING) == replace(each, key_id="k1")


@pytest.mark.parametrize(
    ("scope", "urls", "opened"),
    [
        (PathScope.prefix("/vod/film/hd"), None, (PathScope.prefix("/vod/film/hd"), None)),
        (PathScope.glob("/vod/*/i.m3u8"), None, (PathScope.glob("/vod/*/i.m3u8"), None)),
        (PathScope.exact(PATH), None, (FOLDER, None)),
        (PathScope.exact(PATH, "/vod/film/b.ts"), None, (PathScope.exact(PATH, "/vod/film/b.ts"), None)),
        (PathScope.exact("/vod/film/other.m3u8"), None, (PathScope.exact("/vod/film/other.m3u8"), None)),
        (None, ExactUrl(URL), (FOLDER, None)),
        (None, PathAndQuery(PATH), (FOLDER, None)),
        (None, UrlHash.of(Url.parse(URL)), (FOLDER, None)),
        (PathScope.prefix("/vod/film/hd"), PathAndQuery(PATH), (PathScope.prefix("/vod/film/hd"), PathAndQuery(PATH))),
        (PathScope.exact(PATH), ExactUrl(URL), (FOLDER, None)),
        (
            PathScope.prefix("/vod/film/hd"),
            ExactUrl(URL),
            (PathScope.prefix("/vod/film/hd"), UrlPrefixes(("https://cdn.example/vod/film/",))),
        ),
        (None, UrlPrefixes(("https://cdn.example/vod/",)), (None, UrlPrefixes(("https://cdn.example/vod/",)))),
        (PathScope.exact(PATH), UrlPrefixes(("https://a/",)), (FOLDER, UrlPrefixes(("https://a/",)))),
        (None, None, (None, None)),
    ],
)
def test_it_opens_what_the_token_did_or_the_folder_of_one_manifest(
    scope: PathScope | None, urls: UrlRule | None, opened: tuple[PathScope | None, UrlRule | None]
) -> None:
    session = begun(replace(EXTERNAL, scope=scope, urls=urls))
    assert (session.scope, session.urls) == opened


def test_the_path_in_another_spelling_is_the_same() -> None:
    assert begun(replace(EXTERNAL, scope=PathScope.exact(PATH)), path="/vod/f%69lm/i.m3u8").scope == FOLDER


@pytest.mark.parametrize(("scope", "urls"), [(PathScope.exact("/vod/i.m3u8"), None), (None, ExactUrl(URL))])
def test_a_manifest_without_an_asset_opens_no_folder(scope: PathScope | None, urls: UrlRule | None) -> None:
    session = begun(replace(EXTERNAL, scope=scope, urls=urls), asset=None, path="/vod/i.m3u8")
    assert (session.scope, session.urls) == (scope, urls)


def test_the_tokens_expiry_is_not_the_sessions_but_its_absolute_end_is() -> None:
    assert begun(replace(EXTERNAL, expires=NOW + 1)).session_ends == NOW + 14_400
    ended = begun(replace(EXTERNAL, session_ends=NOW + 30.7))
    assert (ended.session_ends, ended.expires) == (NOW + 30, NOW + 30)
    assert short_lived(ended, NOW, POLICY).expires == NOW + 30


@pytest.mark.parametrize("later", [0, 1, 299.9, 300, 301, 599, 600, 14_300, 14_399])
def test_a_short_lived_token_has_its_window_left_and_never_outlives_the_session(later: float) -> None:
    session, now = begun(), NOW + later
    short = short_lived(session, now, POLICY)
    assert short.expires is not None
    assert short.expires == NOW + 14_400 or 300 <= short.expires - now <= 600
    assert short.expires <= NOW + 14_400
    assert (short.session_id, short.session_ends, short.scope) == ("s-1", NOW + 14_400, session.scope)


def test_a_short_lived_token_stays_the_same_for_a_step() -> None:
    session = begun()
    start = NOW - NOW % 300
    tokens = [short_lived(session, start + later, POLICY) for later in (0, 150, 299.9, 300)]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]


@pytest.mark.parametrize(
    ("later", "expires"), [(0, None), (299, None), (300, 900), (599.5, 1199), (14_200, 14_400), (14_399, 14_400)]
)
def test_a_successor_comes_within_the_window_and_never_outlives_the_session(later: float, expires: int | None) -> None:
    session = begun()
    short = replace(session, expires=NOW + 600 if later < 600 else NOW + 14_399)
    found_one = successor(replace(short, key_id="k1"), NOW + later, POLICY)
    assert (None if found_one is None else found_one.expires) == (None if expires is None else NOW + expires)
    assert found_one is None or (found_one.session_ends, found_one.key_id) == (NOW + 14_400, None)


def test_what_ends_with_its_session_has_no_successor() -> None:
    assert successor(begun(), NOW + 14_399, POLICY) is None
    assert successor(EXTERNAL, NOW + 59, POLICY) is None


def test_only_a_session_is_shortened() -> None:
    with pytest.raises(Misuse):
        short_lived(EXTERNAL, NOW, POLICY)


@pytest.mark.parametrize(("ttl", "most", "renew"), [(0, 10, 0), (10, 5, 5), (10, 20, 11), (10, 20, 0)])
def test_lives_that_do_not_fit(ttl: int, most: int, renew: int) -> None:
    with pytest.raises(Misuse):
        SessionPolicy(ttl, most, renew)
