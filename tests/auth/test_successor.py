"""A successor differs from its token in its times alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.claims import Claims
from auth.errors import Misuse
from auth.renewal import Renewal, RenewalTransport
from auth.rules.expressions import UrlRegex
from auth.successor import successor
from tests.auth.samples import NOW

CLAIMS = Claims(
    issuer="uCDN Inc",
    expires=NOW,
    not_before=NOW - 60,
    urls=UrlRegex("https://h/.*"),
    renewal=Renewal(RenewalTransport.COOKIE, 30, path_depth=2),
    strict_time=True,
    key_id="k1",
    dialect="uri-signing",
)


def test_its_end_counts_from_the_verification() -> None:
    assert successor(CLAIMS, NOW - 5) == replace(CLAIMS, expires=NOW + 25, key_id=None)


def test_its_issue_is_told_where_the_tokens_was() -> None:
    assert successor(replace(CLAIMS, issued_at=NOW - 60), NOW - 5).issued_at == NOW - 5


def test_no_successor_outlives_the_session() -> None:
    assert successor(replace(CLAIMS, session_ends=NOW + 10), NOW).expires == NOW + 10
    assert successor(replace(CLAIMS, session_ends=NOW + 90), NOW).expires == NOW + 30


def test_a_token_that_asks_for_none_has_none() -> None:
    with pytest.raises(Misuse):
        successor(replace(CLAIMS, renewal=None), NOW)
