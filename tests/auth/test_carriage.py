"""Where tokens are found, how they are taken off and put on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.carriage import Carriage, Found, Transport, as_sent, attach, locate, strip
from auth.errors import Denied, Misuse, Reason
from auth.request import Pairs, Request
from auth.secret import Token

ALL = Carriage()
MOUNT = "/vod"
TEXT = st.text("abT.-_~%/=&? é", min_size=1, max_size=10)


def request(
    path: str = "/vod/a", query: str = "", auth: tuple[str, ...] = (), cookies: tuple[str, ...] = ()
) -> Request:
    headers = (("host", "h"), *(("authorization", value) for value in auth))
    return Request("GET", "https", "h", path, query, headers, (("x", "y"), *(("token", value) for value in cookies)))


def where(found: Found | None) -> tuple[str, Transport, str, str]:
    assert found is not None
    return found.token.reveal(), found.transport, found.path, found.query


@pytest.mark.parametrize(
    ("given_request", "expected"),
    [
        (request(query="token=T"), ("T", Transport.QUERY, "/vod/a", "")),
        (request(query="a=1&token=T&b=2"), ("T", Transport.QUERY, "/vod/a", "a=1&b=2")),
        (request(query="a=%2f&&token=T&+=;"), ("T", Transport.QUERY, "/vod/a", "a=%2f&&+=;")),
        (request(query="%74oken=T&tok=en"), ("T", Transport.QUERY, "/vod/a", "tok=en")),
        (request(query="token=a%2Bb+c%3D"), ("a+b+c=", Transport.QUERY, "/vod/a", "")),
        (request(query="token=a=b"), ("a=b", Transport.QUERY, "/vod/a", "")),
        (request("/vod/token=T/x/y%20z"), ("T", Transport.PATH, "/vod/x/y%20z", "")),
        (request("/vod/token=T/"), ("T", Transport.PATH, "/vod/", "")),
        (request("/vod/token=T"), ("T", Transport.PATH, "/vod/", "")),
        (request("/vod/token=%54/x", "q=1"), ("T", Transport.PATH, "/vod/x", "q=1")),
        (request(auth=("Bearer T",)), ("T", Transport.HEADER, "/vod/a", "")),
        (request(auth=("bEARER  T ",)), ("T", Transport.HEADER, "/vod/a", "")),
        (request(auth=("Basic x", "Bearer T")), ("T", Transport.HEADER, "/vod/a", "")),
        (request(cookies=("T",)), ("T", Transport.COOKIE, "/vod/a", "")),
    ],
)
def test_found(given_request: Request, expected: tuple[str, Transport, str, str]) -> None:
    assert where(locate(given_request, ALL, MOUNT)) == expected


@pytest.mark.parametrize(
    "given_request",
    [
        request(),
        request(query="tokens=T&Token=T"),
        request("/vod/x/token=T/y"),
        request("/live/token=T/y"),
        request("/vodtoken=T/y"),
        request("/token=T/vod/y"),
        request(auth=("Basic VA==",)),
        request(auth=("BearerT",)),
    ],
)
def test_not_found(given_request: Request) -> None:
    assert locate(given_request, ALL, MOUNT) is None


@pytest.mark.parametrize(
    "given_request",
    [
        request(query="token=T&token=T"),
        request(query="token=T&%74oken=U"),
        request("/vod/token=T/token=T/x"),
        request(auth=("Bearer T", "Bearer T")),
        request(cookies=("T", "U")),
        request("/vod/token=T/x", "token=U"),
        request(query="token=T", auth=("Bearer U",)),
        request("/vod/token=T/x", auth=("Bearer U",)),
        request("/vod/token=T/x", "token=T", auth=("Bearer U",)),
    ],
)
def test_more_than_one_is_ambiguous(given_request: Request) -> None:
    with pytest.raises(Denied) as denied:
        locate(given_request, ALL, MOUNT)
    assert denied.value.reason is Reason.AMBIGUOUS


def test_the_same_token_by_several_ways_is_one() -> None:
    several = request("/vod/token=T/x", "token=T&a=1", auth=("Bearer T",))
    assert where(locate(several, ALL, MOUNT)) == ("T", Transport.PATH, "/vod/x", "a=1")


@pytest.mark.parametrize("cookies", [("stale",), ("stale", "staler"), ("%",)])
def test_a_stale_cookie_gives_way(cookies: tuple[str, ...]) -> None:
    assert where(locate(request(query="token=T", cookies=cookies), ALL, MOUNT))[:2] == ("T", Transport.QUERY)


@pytest.mark.parametrize("query", ["token=%", "token=%zz", "token=%ff"])
def test_broken_escapes(query: str) -> None:
    with pytest.raises(Denied) as denied:
        locate(request(query=query), ALL, MOUNT)
    assert denied.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("transport", Transport)
def test_a_closed_transport_is_not_looked_at(transport: Transport) -> None:
    everywhere = request("/vod/token=PATH/x", "token=QUERY", auth=("Bearer HEADER",), cookies=("COOKIE",))
    found = locate(everywhere, Carriage(transports=frozenset({transport})), MOUNT)
    assert found is not None
    assert found.token == Token(transport.name)
    assert ("token=PATH" in found.path) is (transport is not Transport.PATH)
    assert ("token=QUERY" in found.query) is (transport is not Transport.QUERY)


def test_a_realm_at_the_root() -> None:
    assert where(locate(request("/token=T/x"), ALL, "/")) == ("T", Transport.PATH, "/x", "")
    assert attach("/x", Token("T"), ALL, "/", Transport.PATH) == "/token=T/x"


@pytest.mark.parametrize(
    ("url", "transport", "attached"),
    [
        ("/vod/a", Transport.QUERY, "/vod/a?token=T"),
        ("/vod/a?", Transport.QUERY, "/vod/a?token=T"),
        ("/vod/a?x=1", Transport.QUERY, "/vod/a?x=1&token=T"),
        ("/vod/a#t=3?4", Transport.QUERY, "/vod/a?token=T#t=3?4"),
        ("/vod/a?token=old&x", Transport.QUERY, "/vod/a?x&token=T"),
        ("/vod/token=old/a", Transport.QUERY, "/vod/a?token=T"),
        ("https://h:1/vod/a?x=//y", Transport.QUERY, "https://h:1/vod/a?x=//y&token=T"),
        ("//h/vod/a", Transport.QUERY, "//h/vod/a?token=T"),
        ("https://h/vod/a?x#f", Transport.PATH, "https://h/vod/token=T/a?x#f"),
        ("/vod/", Transport.PATH, "/vod/token=T/"),
        ("/vod/token=old/a?token=old", Transport.PATH, "/vod/token=T/a"),
    ],
)
def test_attach(url: str, transport: Transport, attached: str) -> None:
    assert attach(url, Token("T"), ALL, MOUNT, transport) == attached


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("/vod/a", Transport.HEADER),
        ("/vod/a", Transport.COOKIE),
        ("/live/a", Transport.PATH),
        ("/vod", Transport.PATH),
        ("https://h", Transport.QUERY),
        ("a/b", Transport.QUERY),
        ("", Transport.QUERY),
    ],
)
def test_what_cannot_carry(url: str, transport: Transport) -> None:
    with pytest.raises(Misuse) as error:
        attach(url, Token("HUSH"), ALL, MOUNT, transport)
    assert "HUSH" not in str(error.value)


def test_a_closed_transport_is_not_attached_to() -> None:
    with pytest.raises(Misuse, match="query"):
        attach("/vod/a", Token("T"), Carriage(transports=frozenset({Transport.COOKIE})), MOUNT)


@given(
    TEXT,
    st.text("abc/", max_size=5),
    st.lists(st.sampled_from(["a=1", "b", "", "c=%2F"]), max_size=3).map("&".join),
    st.sampled_from([Transport.QUERY, Transport.PATH]),
)
def test_what_is_attached_comes_off_again(value: str, tail: str, query: str, transport: Transport) -> None:
    url = f"/vod/{tail}" + (f"?{query}" if query else "")
    path, _, attached = attach(url, Token(value), ALL, MOUNT, transport).partition("?")
    assert where(locate(request(path, attached), ALL, MOUNT)) == (value, transport, f"/vod/{tail}", query)
    assert strip(path, attached, ALL, MOUNT) == (f"/vod/{tail}", query)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (Carriage("a"), Carriage("a"), True),
        (Carriage("a", frozenset({Transport.QUERY})), Carriage("b", frozenset({Transport.QUERY})), False),
        (Carriage("a", frozenset({Transport.QUERY})), Carriage("a", frozenset({Transport.COOKIE})), False),
        (Carriage("a"), Carriage("b", frozenset({Transport.HEADER})), True),
    ],
)
def test_overlap(one: Carriage, other: Carriage, overlap: bool) -> None:
    assert one.overlaps(other) is other.overlaps(one) is overlap


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a&b", "a/b", "é", "x" * 65, "a\n"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(Misuse, match="name"):
        Carriage(name)


def test_a_carriage_has_a_transport() -> None:
    with pytest.raises(Misuse, match="transport"):
        Carriage(transports=frozenset())


@pytest.mark.parametrize(
    ("query", "cookies", "sent"),
    [
        ("token=a%2fb", (), "a%2fb"),
        ("x=1&t%6fken=a%2Fb", (), "a%2Fb"),
        ("token=ab", (), ""),
        ("", (("token", "a%2fb"),), "a%2fb"),
        ("", (("token", "ab"),), ""),
    ],
)
def test_a_token_as_it_was_sent(query: str, cookies: Pairs, sent: str) -> None:
    request = Request("GET", "https", "h", "/vod/a", query, cookies=cookies)
    found = locate(request, Carriage(), "/vod")
    assert found is not None
    assert as_sent(request, Carriage(), found) == sent
