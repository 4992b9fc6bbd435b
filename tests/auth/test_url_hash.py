"""What hashed URLs have in common."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import url_hash
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import HMAC_KEY, NOW, get

OLD = Key("old", Algorithm.SHARED, Secret(b"old-old-old-old-"))
NEW = Key("new", Algorithm.SHARED, Secret(b"new-new-new-new-"))
BOTH = frozenset({Transport.QUERY, Transport.COOKIE})


class Pair(url_hash.SeveralNames):
    """A token of two parameters."""

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        return (carriage.name, "until")

    def bound(self, request: Request) -> tuple[str, ...]:
        return (request.path, request.query)


def test_parameters_are_taken_out_byte_for_byte() -> None:
    pairs, rest = url_hash.take("a=%41&t=1&&%74=2&b", ("t",))
    assert (pairs, rest) == ((("t", "1"), ("t", "2")), "a=%41&&b")


def test_a_query_comes_before_cookies() -> None:
    request = replace(get(query="until=9&x=1&token=q"), cookies=(("token", "c"), ("until", "8")))
    found = Pair().locate(request, Carriage("token", BOTH), "/vod")
    assert found is not None
    assert (found.token, found.query, found.bound) == (Token("q&until=9"), "x=1", ("/vod/film/a.ts", "x=1"))
    assert found.parts == (("token", "q"), ("until", "9"))


def test_cookies_are_looked_at_when_the_query_has_no_token() -> None:
    request = replace(get(query="until=9"), cookies=(("token", "c"), ("until", "8")))
    found = Pair().locate(request, Carriage("token", BOTH), "/vod")
    assert found is not None
    assert (found.token, found.transport) == (Token("c&until=8"), Transport.COOKIE)


@pytest.mark.parametrize("query", ["token=a&token=a", "token=a&%74oken=b", "token=a&until=1&until=1"])
def test_a_parameter_twice_is_ambiguous(query: str) -> None:
    with pytest.raises(Denied) as caught:
        Pair().locate(get(query=query), Carriage("token", BOTH), "/vod")
    assert caught.value.reason is Reason.AMBIGUOUS


def test_a_token_replaces_the_one_before() -> None:
    url = "/a?x=1&token=old&until=2#f"
    signed = Pair().issue(url, Token("new&until=3"), Carriage("token", BOTH), "/", Transport.QUERY)
    assert signed.url == "/a?x=1&token=new&until=3#f"


@pytest.mark.parametrize("transport", [Transport.PATH, Transport.HEADER])
def test_other_transports_are_closed(transport: Transport) -> None:
    with pytest.raises(Misuse):
        Pair().issue("/a", Token("a&until=3"), Carriage("token"), "/", transport)


@pytest.mark.parametrize("text", ["", "&until=1", "a", "a&until", "a&until=1&until=1", "a&x=1", "x=a&b&until=1"])
def test_only_the_parameters_themselves_are_read(text: str) -> None:
    with pytest.raises(Denied):
        url_hash.values(Token(text), ("until",))


def test_a_long_token_is_refused() -> None:
    with pytest.raises(Denied) as caught:
        url_hash.split(Token("a" * 5000))
    assert caught.value.reason is Reason.TOO_LARGE


@given(st.text(), st.lists(st.tuples(st.text("ab"), st.text("cd=")), max_size=3))
def test_pairs_are_read_back(first: str, others: list[tuple[str, str]]) -> None:
    first = first.replace("&", "")
    pairs = (("", first), *others)
    assert url_hash.split(url_hash.joined(pairs)) == pairs


def test_the_maker_is_the_key_whose_hash_it_is() -> None:
    ring = KeyRing([OLD, NEW, HMAC_KEY])
    assert url_hash.maker(ring, "old-old-old-old-", bytes.decode) is OLD
    for keys, reason in (([HMAC_KEY], Reason.UNKNOWN_KEY), ([NEW], Reason.BAD_SIGNATURE)):
        with pytest.raises(Denied) as caught:
            url_hash.maker(KeyRing(keys), "old-old-old-old-", bytes.decode)
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    "text",
    ["", "0", "1", "999999999", "0123456789", "-1", "1.5", "1e3", "٣" * 10, "9" * 11, " 123456789", "1234567890\n"],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(Denied):
        url_hash.instant(text)


@pytest.mark.parametrize("value", [None, True, 0, -1, 999_999_999, 1800000000.5, 10**10])
def test_what_is_no_whole_time(value: float | None) -> None:
    with pytest.raises(Misuse):
        url_hash.whole("expires", value)
    assert url_hash.whole("expires", 1800000000.0) == 1_800_000_000


def test_paths() -> None:
    assert url_hash.exact("/a%20b") == PathScope.exact("/a%20b")
    assert url_hash.decoded("/a%20%c3%a9+") == "/a é+".encode()
    for read in (url_hash.exact, url_hash.decoded):
        with pytest.raises(Denied) as caught:
            read("/a/../b")
        assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_addresses() -> None:
    assert url_hash.address(get()) == ""
    assert url_hash.address(replace(get(), client=ip_address("::ffff:192.0.2.1"))) == "192.0.2.1"
    assert url_hash.address(replace(get(), client=ip_address("2001:DB8::1"))) == "2001:db8::1"


def test_what_would_not_be_said_is_misuse() -> None:
    url_hash.check_said(Claims(expires=1, key_id="k", dialect="d"), Claims(expires=1))
    with pytest.raises(Misuse, match="subject"):
        url_hash.check_said(Claims(expires=1), Claims(expires=1, subject="x"))


def test_secrets_to_sign() -> None:
    assert url_hash.secret_to_sign(OLD) == b"old-old-old-old-"
    for key in (HMAC_KEY, replace(OLD, verify_only=True)):
        with pytest.raises(Misuse):
            url_hash.secret_to_sign(key)


class Text(url_hash.OneText):
    """A token of two segments, or under one name."""

    segments = re.compile("[0-9]+/[a-f]+/")


def test_a_text_rides_by_name_or_in_segments() -> None:
    carriage = Carriage("token", frozenset({Transport.PATH, Transport.QUERY}))
    for transport, url in (
        (Transport.PATH, "https://h/vod/12/ab/x/y.ts?a=1"),
        (Transport.QUERY, "https://h/vod/x/y.ts?a=1&token=12%2Fab"),
    ):
        signed = Text().issue("https://h/vod/x/y.ts?a=1", Token("12/ab"), carriage, "/vod", transport)
        assert signed.url == url
        parts = Url.parse(url)
        found = Text().locate(get(parts.path, parts.query), carriage, "/vod")
        assert found is not None
        assert (found.token, found.transport, found.bound) == (Token("12/ab"), transport, ("/vod/x/y.ts", "a=1"))
        assert Text().strip(parts.path, parts.query, carriage, "/vod") == ("/vod/x/y.ts", "a=1")


def test_a_text_in_two_places_is_ambiguous() -> None:
    with pytest.raises(Denied):
        Text().locate(get("/vod/1/a/x", "token=1%2Fa"), Carriage("token"), "/vod")


def test_segments_stand_below_the_mount_only() -> None:
    closed = Carriage("token", frozenset({Transport.QUERY}))
    assert Text().locate(get("/vod/x/1/a/y"), Carriage("token"), "/vod") is None
    assert Text().locate(get("/vod/1/a/y"), closed, "/vod") is None
    assert url_hash.OneText().locate(get("/vod/1/a/y"), Carriage("token"), "/vod") is None
    for one, carriage, url in ((Text(), closed, "/vod/x"), (Text(), Carriage("token"), "/live/x")):
        with pytest.raises(Misuse):
            one.issue(url, Token("1/a"), carriage, "/vod", Transport.PATH)


def test_one_address() -> None:
    assert url_hash.one_address(Claims(networks=(ip_network("192.0.2.1"),))) == "192.0.2.1"
    for networks in (None, (), (ip_network("192.0.2.0/24"),), (ip_network("192.0.2.1"), ip_network("192.0.2.2"))):
        with pytest.raises(Misuse):
            url_hash.one_address(Claims(networks=networks))


def test_a_token_for_no_url() -> None:
    with pytest.raises(Misuse):
        url_hash.TimedHash().mint(Claims(), OLD)


def test_any_text_has_octets() -> None:
    assert url_hash.octets("a", "\u00e9", "\udc80") == b"a\xc3\xa9\xed\xb2\x80"


def test_claims_that_name_no_paths_leave_them_to_the_format() -> None:
    said = Claims(expires=NOW + 60, scope=PathScope.exact("/vod/a.ts"))
    url_hash.check_said(said, Claims(expires=NOW + 60))
    for wanted in (Claims(expires=NOW), Claims(expires=NOW + 60, scope=PathScope.exact("/vod/b.ts"))):
        with pytest.raises(Misuse):
            url_hash.check_said(said, wanted)
