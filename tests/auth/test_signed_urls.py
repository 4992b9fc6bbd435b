"""Statements of Google's CDNs: one shape, one order, and prefixes that are URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.encoding import base64url_encode, base64url_padded
from auth.errors import Denied, Reason
from auth.rules.url import ExactUrl, UrlPrefixes
from auth.signed_urls import Form, message_of, parse_statement, read_prefix, take_parameters

PREFIX = base64url_padded(b"https://h/a/")


def test_a_statement_in_parts() -> None:
    statement = parse_statement(f"URLPrefix={PREFIX}&Expires=5&KeyName=k&Signature=ab==", "&")
    assert (statement.prefix, statement.ends(), statement.key_id, statement.signature) == (PREFIX, 5, "k", "ab==")
    assert message_of(statement, Form.PREFIX, "") == f"URLPrefix={PREFIX}&Expires=5&KeyName=k".encode()
    assert statement.rule("https://h/x") == UrlPrefixes(("https://h/a/",))


@pytest.mark.parametrize(("url", "mark"), [("https://h/a", "?"), ("https://h/a?b", "&")])
def test_a_url_is_signed_with_the_parameters(url: str, mark: str) -> None:
    statement = parse_statement("Expires=5&KeyName=k&Signature=ab", "&")
    assert message_of(statement, Form.URL, url) == f"{url}{mark}Expires=5&KeyName=k".encode()
    assert statement.rule(url) == ExactUrl(url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Expires=5&KeyName=k",
        "KeyName=k&Expires=5&Signature=ab",
        "Expires=5:KeyName=k:Signature=ab",
        "Expires=5&KeyName=k:Signature=ab",
        f"URLPrefix={PREFIX}:Expires=5&KeyName=k&Signature=ab",
        "Expires=5&KeyName=&Signature=ab",
        "Expires=5&KeyName=k k&Signature=ab",
        "Expires=5&KeyName=k&Signature=a+b",
        "Expires=5&KeyName=k&Signature=ab&x",
        "Expires=5&KeyName=k&Signature=ab\n",
        "URLPrefix=" + "a" * 5000 + "&Expires=5&KeyName=k&Signature=ab",
    ],
)
def test_what_is_no_statement(text: str) -> None:
    with pytest.raises(Denied) as caught:
        parse_statement(text, "&")
    assert caught.value.reason is Reason.MALFORMED


def test_a_time_without_end() -> None:
    with pytest.raises(Denied):
        parse_statement("Expires=9999999999999999&KeyName=k&Signature=ab", "&").ends()


@pytest.mark.parametrize("form", [Form.PREFIX, Form.COOKIE])
def test_a_form_that_it_does_not_have(form: Form) -> None:
    with pytest.raises(Denied):
        message_of(parse_statement("Expires=5&KeyName=k&Signature=ab", "&"), form, "")


@pytest.mark.parametrize("url", ["https://h", "http://h/", "https://h:8443/a/b", "https://h/%20"])
def test_a_prefix(url: str) -> None:
    assert read_prefix(base64url_padded(url.encode())) == url
    assert read_prefix(base64url_encode(url.encode())) == url


@pytest.mark.parametrize(
    "url", ["", "/a", "ftp://h/", "https:///a", "https://h/?a", "https://h/#a", "https://h/\n", "ü"]
)
def test_what_is_no_prefix(url: str) -> None:
    with pytest.raises(Denied):
        read_prefix(base64url_padded(url.encode()))


@given(st.text("ab=&%41ExpiresSignatureKeyName", max_size=80))
def test_what_is_left_has_no_signature(query: str) -> None:
    """And taking it out twice is taking it out once."""
    _, rest = take_parameters(query)
    assert take_parameters(rest) == ((), rest)
