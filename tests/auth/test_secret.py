"""Secrets do not show."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.secret import Secret, Token


@given(st.text(min_size=4))
def test_a_token_never_shows(value: str) -> None:
    token = Token(value)
    for shown in (repr(token), str(token), f"{token}", f"{token:>20}", f"{[token]}", f"{token!s}"):
        assert shown.strip("[]") == "Token(***)"


def test_a_secret_never_shows() -> None:
    assert repr(Secret(b"hush hush")) == "Secret(***)"
    assert f"{Secret(b'hush hush')}" == "Secret(***)"


def test_it_is_not_pickled() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="a Token is not pickled"):
            pickle.dumps(Token("hush"), protocol)


def test_it_is_immutable() -> None:
    token = Token("hush")
    with pytest.raises(AttributeError) as error:
        token._value = "other"
    assert "hush" not in str(error.value)
    assert copy.copy(token) is token
    assert copy.deepcopy([token])[0] is token


def test_equality_is_by_value_and_kind() -> None:
    assert Token("a") == Token("a")
    assert hash(Token("a")) == hash(Token("a"))
    assert Token("a") != Token("b")
    assert Token("é") != Token("e")
    assert Token("a") != "a"
    assert Token("a") != Secret(b"a")
    assert Token("\ud800") == Token("\ud800")
