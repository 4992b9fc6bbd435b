"""Fields of Media CDN's tokens: what is signed in place of what is written."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import Denied, Reason
from auth.media_tokens import Seal, described, needs, parse, value_of
from auth.request import Request


def test_what_is_signed() -> None:
    token = parse("FullPath~Expires=5~Headers=A,b~hmac=" + "0" * 64)
    assert needs("FullPath~Expires=5~Headers=A,b~hmac=00") == (True, ("A", "b"))
    assert token.message("/x", ("1", "2")) == b"FullPath=/x~Expires=5~Headers=A=1,b=2"


def test_which_algorithm_may_have_closed_it() -> None:
    fits = {
        text: [seal for seal in Seal if parse("a~" + text).fits(seal)]
        for text in ("Signature=abc", "hmac=" + "0" * 64, "hmac=" + "0" * 40, "hmac=00")
    }
    assert list(fits.values()) == [[Seal.ED25519], [Seal.HMAC_SHA256], [Seal.HMAC_SHA1], []]


@pytest.mark.parametrize(
    "text", ["", "Signature=a", "Expires=5", "a~Signature=", "a~Signature=a=", "a~hmac=G", "a~" * 3000]
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(Denied) as caught:
        parse(text)
    assert caught.value.reason is Reason.MALFORMED


def test_a_header_field_is_there_once() -> None:
    request = Request("GET", "https", "h", "/", headers=(("a", ""), ("b", "1"), ("b", "1")))
    assert value_of(request, "A") == ""
    for name in ("b", "c"):
        with pytest.raises(Denied) as caught:
            value_of(request, name)
        assert caught.value.reason is Reason.WRONG_HEADER


def test_a_description_has_no_seal() -> None:
    assert described(parse("acl=/*~exp=5~Signature=abc")) == (("PathGlobs", "/*"), ("Expires", "5"))


@given(st.text("FullPath~Headers=,A1exp.hmac0", max_size=60), st.lists(st.text(max_size=5), max_size=3))
def test_anything_is_a_message_or_denied(fields: str, values: list[str]) -> None:
    with suppress(Denied):
        assert isinstance(parse(f"{fields}~hmac=00").message("/x", tuple(values)), bytes)
