"""Writing claims down, and showing what others wrote."""

from __future__ import annotations

import pytest

from auth.claims import Claims
from auth.errors import Denied, Misuse
from auth.saying import MAX_SHOWN, check_sayable, jwt_times, read_jwt_times, shown


def test_what_a_format_cannot_say_is_named() -> None:
    claims = Claims(expires=1, subject="s", one_time=True, dialect="x", key_id="k")
    check_sayable(claims, {"expires", "subject", "one_time"}, "a stamp")
    with pytest.raises(Misuse, match="a stamp cannot say: subject, one_time"):
        check_sayable(claims, {"expires"}, "a stamp")


def test_times_both_ways() -> None:
    claims = Claims(expires=2.0, not_before=1, issued_at=1.5)
    assert jwt_times(claims) == {"exp": 2, "nbf": 1, "iat": 1.5}
    assert read_jwt_times(jwt_times(claims)) == {"expires": 2, "not_before": 1, "issued_at": 1.5}
    assert (jwt_times(Claims()), read_jwt_times({"sub": "x"})) == ({}, {})
    with pytest.raises(Denied):
        read_jwt_times({"exp": "1"})


def test_what_is_shown_is_short_and_printable() -> None:
    assert shown({"a": [1, "b"]}) == '{"a":[1,"b"]}'
    assert shown("a\x1b[0m\n") == "a\N{REPLACEMENT CHARACTER}[0m\N{REPLACEMENT CHARACTER}"
    assert len(shown("x" * 1000)) == MAX_SHOWN + 1
