"""Claims of CTA-5007 between CBOR and our own values: what is read, what is refused, and what is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import cat_claims as cat
from auth.claims import Network
from auth.errors import Denied, Misuse, Reason
from auth.rules.condition import Condition
from auth.rules.header_matches import HeaderMatches
from auth.rules.places import Circles, Geohashes, Regions
from auth.rules.text_matches import MatchType, TextMatch
from auth.rules.tls_traits import ClientKey, Protocols, TlsFingerprint
from auth.rules.uri_components import Component, UriComponents
from auth.rules.url import ExactUrl
from auth.scope import PathRule, PathScope, Rule
from auth.strict_cbor import CborMap, CborValue, Tagged

V4, V6 = ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")
EXACT, PREFIX = MatchType.EXACT, MatchType.PREFIX


def uri(component: Component, *matches: TextMatch) -> UriComponents:
    return UriComponents(((component, matches),))


@pytest.mark.parametrize(
    ("value", "scope", "rule"),
    [
        ({3: {0: "/a/b.ts"}}, PathScope((PathRule(Rule.EXACT, "/a/b.ts"),)), None),
        ({3: {1: "/vod/"}}, PathScope((PathRule(Rule.PREFIX, "/vod/"),)), None),
        ({3: {1: "/"}}, PathScope((PathRule(Rule.PREFIX, "/"),)), None),
        # Without a slash at its end, a prefix covers what begins with it.
        ({3: {1: "/vod"}}, None, uri(Component.PATH, TextMatch(PREFIX, "/vod"))),
        ({3: {0: "vod"}}, None, uri(Component.PATH, TextMatch(EXACT, "vod"))),
        (
            {3: {1: "/vod/", 2: ".ts"}},
            None,
            uri(Component.PATH, TextMatch(PREFIX, "/vod/"), TextMatch(MatchType.SUFFIX, ".ts")),
        ),
        ({1: {0: "h"}}, None, uri(Component.HOST, TextMatch(EXACT, "h"))),
        ({8: {4: ["^.ts$"]}}, None, uri(Component.EXTENSION, TextMatch(MatchType.REGEX, "^.ts$"))),
        ({6: {-1: b"\xab" * 32}}, None, uri(Component.FILENAME, TextMatch(MatchType.SHA256, "ab" * 32))),
        ({5: {-2: b"\xab" * 64}}, None, uri(Component.PARENT_PATH, TextMatch(MatchType.SHA512_256, "ab" * 64))),
    ],
)
def test_uris(value: CborMap, scope: PathScope | None, rule: UriComponents | None) -> None:
    assert cat.read_uri(value) == (scope, rule)
    assert cat.write_uri(scope, rule) == value


def test_hashes_are_octets_or_hexadecimal() -> None:
    digits = hashlib.sha256(b"x").hexdigest()
    expected = uri(Component.FILENAME, TextMatch(MatchType.SHA256, digits))
    for value in (digits, digits.upper(), bytes.fromhex(digits)):
        assert cat.read_uri({6: {-1: value}})[1] == expected


def test_an_array_with_nothing_behind_its_pattern() -> None:
    assert cat.read_uri({3: {4: ["a", None]}})[1] == uri(Component.PATH, TextMatch(MatchType.REGEX, "a"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({9: {0: "x"}}, Reason.UNSUPPORTED),  # a component from the future
        ({-1: {0: "x"}}, Reason.UNSUPPORTED),
        ({"path": {0: "x"}}, Reason.UNSUPPORTED),
        ({3: {5: "x"}}, Reason.UNSUPPORTED),  # a match type from the future
        ({3: {"exact": "x"}}, Reason.UNSUPPORTED),
        ({3: {4: ["(?=x)"]}}, Reason.UNSUPPORTED),
        ({3: {4: ["x", "i"]}}, Reason.UNSUPPORTED),  # flags, or a capture
        ({3: {4: "x"}}, Reason.MALFORMED),
        ({3: {4: []}}, Reason.MALFORMED),
        ({}, Reason.MALFORMED),
        ([], Reason.MALFORMED),
        ("/vod/", Reason.MALFORMED),
        ({3: {}}, Reason.MALFORMED),
        ({3: "/vod/"}, Reason.MALFORMED),
        ({3: {0: b"/vod/"}}, Reason.MALFORMED),
        ({3: {0: 1}}, Reason.MALFORMED),
        ({3: {0: "a\nb"}}, Reason.MALFORMED),
        ({3: {0: "x" * 1025}}, Reason.MALFORMED),
        ({3: {-1: b"short"}}, Reason.MALFORMED),
        ({3: {-1: "zz"}}, Reason.MALFORMED),
    ],
)
def test_uris_that_are_refused(value: CborValue, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        cat.read_uri(value)
    assert denied.value.reason is reason


@pytest.mark.parametrize(
    ("scope", "rule"),
    [
        (PathScope.prefix("/vod"), None),
        (PathScope.prefix("/a/", "/b/"), None),
        (PathScope((PathRule(Rule.GLOB, "/a/*"),)), None),
        (PathScope.prefix("/a/"), uri(Component.PATH, TextMatch(PREFIX, "/b"))),
        (None, ExactUrl("https://h/a")),
        (None, uri(Component.PATH, TextMatch(PREFIX, "/a"), TextMatch(PREFIX, "/b"))),
    ],
)
def test_uris_that_are_not_written(scope: PathScope | None, rule: UriComponents | None) -> None:
    with pytest.raises(Misuse):
        cat.write_uri(scope, rule)


@pytest.mark.parametrize(
    ("item", "network"),
    [
        (Tagged(52, b"\xc0\x00\x02\x01"), ip_network("192.0.2.1")),
        (Tagged(52, [24, b"\xc0\x00\x02\x00"]), V4),
        (Tagged(52, [24, b"\xc0\x00\x02"]), V4),  # zero octets left out (RFC 9164 §3)
        (Tagged(52, [0, b""]), ip_network("0.0.0.0/0")),
        (Tagged(54, [32, b"\x20\x01\x0d\xb8"]), V6),
        (Tagged(54, b"\x20\x01\x0d\xb8" + bytes(12)), ip_network("2001:db8::")),
        (Tagged(54, bytes(10) + b"\xff\xff\xc0\x00\x02\x01"), ip_network("192.0.2.1")),  # IPv4-mapped
    ],
)
def test_networks(item: Tagged, network: Network) -> None:
    assert cat.read_client([item]) == ((network,), None)


def test_clients() -> None:
    assert cat.read_client([64500, Tagged(52, [24, b"\xc0\x00\x02"]), 0]) == ((V4,), frozenset({64500, 0}))
    written = cat.write_client((V4, V6, ip_network("192.0.2.1")), frozenset({2, 1}))
    assert cat.read_client(written) == ((V4, V6, ip_network("192.0.2.1")), frozenset({1, 2}))
    assert cat.read_client(cat.write_client(None, frozenset({1}))) == (None, frozenset({1}))


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        None,
        64500,
        ["192.0.2.0/24"],
        [b"\xc0\x00\x02\x01"],
        [-1],
        [2**32],
        [True],
        [1.0],
        [[24, b"\xc0\x00\x02"]],
        [Tagged(52, b"\xc0\x00\x02")],
        [Tagged(52, bytes(16))],
        [Tagged(54, bytes(4))],
        [Tagged(52, [24, b"\xc0\x00\x02\x01"])],  # host bits
        [Tagged(52, [33, b"\xc0"])],
        [Tagged(52, [-1, b"\xc0"])],
        [Tagged(52, [True, b"\x80"])],
        [Tagged(52, [8, bytes(5)])],
        [Tagged(52, [b"\xc0\x00\x02\x01", 24])],  # an address with the length of its network
        [Tagged(52, "192.0.2.1")],
        [Tagged(53, bytes(4))],
        [1] * 65,
    ],
)
def test_clients_that_are_refused(value: CborValue) -> None:
    with pytest.raises(Denied) as denied:
        cat.read_client(value)
    assert denied.value.reason is Reason.MALFORMED


CONDITIONS: list[tuple[int, CborValue, Condition]] = [
    (315, {"user-agent": {3: "VLC"}}, HeaderMatches("user-agent", (TextMatch(MatchType.CONTAINS, "VLC"),))),
    (314, [b"h2", b"h3"], Protocols(("h2", "h3"))),
    (316, ["CA", "US-NY"], Regions(("CA", "US-NY"))),
    (317, [[45.5, -73.5, 1000.0]], Circles(((45.5, -73.5, 1000.0),))),
    (282, ["f25", "u"], Geohashes(("f25", "u"))),
    (319, b"\xab" * 32, ClientKey("ab" * 32)),
    (324, {0: 2, 1: "t13d"}, TlsFingerprint("ja4", "t13d")),
]


@pytest.mark.parametrize(("label", "value", "condition"), CONDITIONS)
def test_conditions(label: int, value: CborValue, condition: Condition) -> None:
    assert cat.read_conditions({label: value}) == (condition,)
    assert cat.write_conditions((condition,)) == {label: value}


def test_all_conditions_at_once() -> None:
    payload: CborMap = {label: value for label, value, _ in CONDITIONS}
    conditions = tuple(condition for _, _, condition in CONDITIONS)
    assert cat.read_conditions(payload) == conditions
    assert cat.write_conditions(conditions) == payload


def test_spellings_that_mean_the_same() -> None:
    assert cat.read_conditions({282: "F25"}) == (Geohashes(("f25",)),)
    assert cat.read_conditions({316: ["ca"]}) == (Regions(("CA",)),)
    assert cat.read_conditions({315: {"User-Agent": {0: "x"}}})[0].to_json() == ["user-agent", [["exact", "x"]]]


@pytest.mark.parametrize(
    ("label", "value", "reason"),
    [
        (315, {}, Reason.MALFORMED),
        (315, {"x": {}}, Reason.MALFORMED),
        (315, {1: {0: "x"}}, Reason.MALFORMED),
        (315, {"a b": {0: "x"}}, Reason.MALFORMED),
        (315, {"X": {0: "x"}, "x": {0: "y"}}, Reason.MALFORMED),
        (315, {"x": {9: "x"}}, Reason.UNSUPPORTED),
        (314, [], Reason.MALFORMED),
        (314, ["h2"], Reason.MALFORMED),
        (314, [b"h2", "h3"], Reason.MALFORMED),
        (314, [b"\xff"], Reason.MALFORMED),
        (314, [b""], Reason.MALFORMED),
        (316, "CA", Reason.MALFORMED),
        (316, [], Reason.MALFORMED),
        (316, ["Canada"], Reason.MALFORMED),
        (316, [1], Reason.MALFORMED),
        (317, [45.5, -73.5, 10.0], Reason.MALFORMED),
        (317, [[45.5, -73.5]], Reason.MALFORMED),
        (317, [[True, 0, 0]], Reason.MALFORMED),
        (317, [[91, 0, 1]], Reason.MALFORMED),
        (282, "", Reason.MALFORMED),
        (282, ["a"], Reason.MALFORMED),
        (282, 1, Reason.MALFORMED),
        (319, "ab" * 32, Reason.UNSUPPORTED),
        (319, b"\xab" * 20, Reason.UNSUPPORTED),
        (324, {0: 13, 1: "x"}, Reason.UNSUPPORTED),
        (324, {0: -1, 1: "x"}, Reason.UNSUPPORTED),
        (324, {0: True, 1: "x"}, Reason.MALFORMED),
        (324, {0: 1}, Reason.MALFORMED),
        (324, {0: 1, 1: ""}, Reason.MALFORMED),
        (324, {0: 1, 1: "x", 2: "y"}, Reason.MALFORMED),
        (324, "x", Reason.MALFORMED),
    ],
)
def test_conditions_that_are_refused(label: int, value: CborValue, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        cat.read_conditions({label: value})
    assert denied.value.reason is reason


@pytest.mark.parametrize(
    "conditions",
    [
        (Regions(("CA",)), Regions(("US",))),
        (TlsFingerprint("ja9", "x"),),
        (HeaderMatches("x", (TextMatch(EXACT, "a"),)),) * 2,
        (HeaderMatches("x", (TextMatch(EXACT, "a"), TextMatch(EXACT, "b"))),),
    ],
)
def test_conditions_that_are_not_written(conditions: tuple[Condition, ...]) -> None:
    with pytest.raises(Misuse):
        cat.write_conditions(conditions)


LEAVES = st.none() | st.booleans() | st.integers(-3, 400) | st.floats() | st.text(max_size=4) | st.binary(max_size=4)
ANYTHING: st.SearchStrategy[CborValue] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-3, 9) | st.text(max_size=3), inner, max_size=3)
        | st.builds(Tagged, st.sampled_from([52, 54]), inner)
    ),
    max_leaves=8,
)


@given(ANYTHING, st.sampled_from([cat.read_uri, cat.read_client]), st.sampled_from(sorted(cat.CONDITION_CLAIMS)))
def test_any_value_is_read_or_denied(value: CborValue, read: Callable[[CborValue], object], label: int) -> None:
    with suppress(Denied):
        read(value)
    with suppress(Denied):
        cat.read_conditions({label: value})
