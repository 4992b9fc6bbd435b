"""What a request says beyond what was asked. What goes over a connection is in `test_http_origin`."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.http_signatures import METHOD, TARGET_URI, Component, SignaturePolicy, verify
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Secret
from origin.http.fields import Fields, combined
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError, Viewer
from origin.upstream.outgoing import (
    MAX_LOOP_MEMBERS,
    Additions,
    Forwarding,
    Signing,
    cdn_loop,
    check_request,
    forwarded_element,
    prepared,
    signed,
)

VIEWER = Viewer("192.0.2.7", "https", "cdn.example")
KEY = Key("k1", Algorithm.HS256, Secret(b"s" * 32))


def refused(received: str, own: str = "me") -> bool:
    try:
        cdn_loop(received, own, None)
    except UpstreamError as error:
        if error.trouble is not Trouble.LOOP:
            raise
        return True
    return False


@pytest.mark.parametrize(
    ("received", "sent"),
    [
        (None, "me"),
        ("", "me"),
        (" , ,", "me"),
        ("foo", "foo, me"),
        ('foo.example:80, bar; a=b;c="d, me"', 'foo.example:80, bar; a=b;c="d, me", me'),
        ("[2001:db8::1]:443 ; x=y ,, b,", "[2001:db8::1]:443 ; x=y ,, b, me"),
        ("me2, me.example, me:80", "me2, me.example, me:80, me"),
    ],
)
def test_our_name_goes_behind_the_others(received: str | None, sent: str) -> None:
    assert cdn_loop(received, "me", None) == sent


@pytest.mark.parametrize("received", ["me", "ME", "a, me", "me ; a=b, c", 'a;b="x", Me', ",me,", "a,\tme\t"])
def test_where_our_name_is_a_loop_is(received: str) -> None:
    assert refused(received)


@pytest.mark.parametrize("received", ["a b", "a;", "a;b", 'a;b="c', "a/b", "[::1", '"me"', "a;b=c d", "é", "a\n"])
def test_what_cannot_be_read_might_have_it(received: str) -> None:
    assert refused(received)


def test_a_loop_of_others_ends_too() -> None:
    assert not refused(", ".join(["a"] * (MAX_LOOP_MEMBERS - 1)))
    assert refused(", ".join(["a"] * MAX_LOOP_MEMBERS))


_tokens = st.text("abcM-_.09", min_size=1)
_quoted = st.text('ab ,;="\\me', max_size=8).map(lambda text: '"' + re.sub(r'(["\\])', r"\\\1", text) + '"')
_members = st.builds(
    lambda name, parameters: name + "".join(f" ; {key}={value}" for key, value in parameters),
    _tokens,
    st.lists(st.tuples(_tokens, _tokens | _quoted), max_size=3),
)


@given(st.lists(_members, max_size=8), st.integers(0, 8))
def test_our_name_is_found_wherever_it_is_and_only_there(members: list[str], at: int) -> None:
    others = [member for member in members if not re.match("me(?: |$)", member, re.IGNORECASE)]
    sent = cdn_loop(", ".join(others) or None, "me", ("v", "1"))
    assert sent.endswith("me; v=1")
    assert refused(sent)
    others.insert(at, "Me; x=y")
    assert refused(", ".join(others))


@given(st.text())
def test_any_value_is_read_or_refused(received: str) -> None:
    assert refused(received) or refused(cdn_loop(received, "me", None))


@pytest.mark.parametrize(
    ("viewer", "element"),
    [
        (VIEWER, "for=192.0.2.7;proto=https;host=cdn.example"),
        (Viewer("2001:db8::1", "http", "a:81"), 'for="[2001:db8::1]";proto=http;host="a:81"'),
        (Viewer(None, "https", "a"), "for=unknown;proto=https;host=a"),
        (Viewer("no address", "https", "a"), "for=unknown;proto=https;host=a"),
        (Viewer("192.0.2.7", "https", 'a"b\r\n'), "for=192.0.2.7;proto=https"),
        (Viewer("192.0.2.7", "https", ""), "for=192.0.2.7;proto=https"),
        (Viewer("192.0.2.7", "https", "a b;c=d,e"), 'for=192.0.2.7;proto=https;host="a b;c=d,e"'),
    ],
    ids=range(7),
)
def test_for_whom(viewer: Viewer, element: str) -> None:
    assert forwarded_element(viewer, None) == element


def test_a_pseudonym_is_the_same_for_the_same_salt() -> None:
    one, again, other_viewer, other_salt = (
        forwarded_element(replace(VIEWER, address=address), salt)
        for address, salt in [("192.0.2.7", b"a"), ("192.0.2.7", b"a"), ("192.0.2.8", b"a"), ("192.0.2.7", b"b")]
    )
    assert one == again
    assert len({one, other_viewer, other_salt}) == 3
    assert re.fullmatch("for=_[0-9a-f]{32};proto=https;host=cdn.example", one)


def sent(fields: Fields, name: str, additions: Additions, viewer: Viewer | None = VIEWER) -> str | None:
    return combined(prepared(Outgoing("GET", "/a", fields, viewer=viewer), additions), name)


def test_nobody_is_told_unless_it_is_wished() -> None:
    clear = Additions(forwarding=Forwarding.CLEAR)
    assert sent((), "forwarded", Additions()) is None
    assert sent((), "forwarded", clear, None) is None
    assert sent((), "forwarded", clear) == "for=192.0.2.7;proto=https;host=cdn.example"
    obfuscated = sent((), "forwarded", Additions(forwarding=Forwarding.OBFUSCATED, salt=b"s" * 16))
    assert obfuscated is not None
    assert "192.0.2.7" not in obfuscated


@pytest.mark.parametrize(
    ("received", "is_kept"),
    [
        ("for=192.0.2.1", True),
        ('for="[2001:db8::1]:47011";proto=http, For=unknown;by=_x', True),
        ("for=a; ;proto=http", True),
        ('for="x', False),
        ("for=x y", False),
        ("for", False),
        ("for=[::1]", False),
        ('for="a"b', False),
    ],
)
def test_what_others_were_told_is_passed_on_if_it_can_be_read(received: str, is_kept: bool) -> None:
    fields = (("Forwarded", received),)
    element = "for=192.0.2.7;proto=https;host=cdn.example"
    assert sent(fields, "forwarded", Additions()) == (received if is_kept else None)
    assert sent(fields, "forwarded", Additions(forwarding=Forwarding.CLEAR)) == (
        f"{received}, {element}" if is_kept else element
    )


@pytest.mark.parametrize(
    "more",
    [
        {"loop_id": "a b"},
        {"loop_id": ""},
        {"loop_id": "a, b"},
        {"loop_parameter": ("a", "b c")},
        {"via": "a b"},
        {"forwarding": Forwarding.OBFUSCATED},
        {"forwarding": Forwarding.OBFUSCATED, "salt": b"short"},
        {"fields": (("X", "a\nb"),)},
        {"fields": (("X Y", "a"),)},
        {"fields": (("Host", "a"),)},
        {"fields": (("content-length", "1"),)},
        {"signing": Signing(replace(KEY, verify_only=True))},
    ],
    ids=range(12),
)
def test_what_cannot_be_added(more: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Additions(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "get", "PURGE", "M-SEARCH"])
def test_what_can_be_sent(method: str) -> None:
    check_request(Outgoing(method, "/", (("X", "a\tb caf\u00e9 \U0001f600"), ("Y", ""))))


def test_a_signature_covers_what_is_there() -> None:
    signing = Signing(KEY, (METHOD, TARGET_URI, Component("range"), Component("x")), tag="pull", lifetime_seconds=9)
    fields = (("Range", "bytes=0-1"),)
    request = Request("GET", "https", "a.example", "/b", "c", (("range", "bytes=0-1"),))
    out = signed(fields, request, signing, 1_000.9, "once")
    assert out[:1] == fields
    whole = replace(request, headers=tuple((name.lower(), value) for name, value in out))
    said = verify(whole, KeyRing([KEY]), 1_005, SignaturePolicy((METHOD, TARGET_URI, Component("range"))))
    assert (said.created, said.expires, said.nonce, said.tag, said.label) == (1_000, 1_009, "once", "pull", "headgate")
    assert said.components == (METHOD, TARGET_URI, Component("range"))
