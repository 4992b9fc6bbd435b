"""A successor differs from its token in its times alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.claims import Claims
from auth.errors import Misuse
from auth.renewal import Renewal, RenewalTransport
from auth.renewed import renewed_claims
from auth.rules.expressions import UrlRegex
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


MOST = 3600


def test_its_end_counts_from_the_verification() -> None:
    later = renewed_claims(replace(CLAIMS, issued_at=NOW - 60), NOW - 5, MOST)
    assert later == replace(CLAIMS, issued_at=NOW - 60, expires=NOW + 25, key_id=None)


def test_its_times_are_whole_and_nothing_shortened_is_repeated() -> None:
    later = renewed_claims(replace(CLAIMS, issued_at=NOW - 60.5, extra=(("tier", "gold…"),)), NOW + 0.75, MOST)
    assert later is not None
    assert (later.expires, later.issued_at, later.extra) == (NOW + 30, NOW - 61, ())


def test_the_first_issue_stays_the_chains() -> None:
    claims, now = replace(CLAIMS, issued_at=NOW - 60), float(NOW)
    while (later := renewed_claims(claims, now, 300)) is not None:
        assert later.issued_at == NOW - 60
        assert later.expires is not None
        claims, now = later, later.expires - (later.expires < NOW + 240)
    assert claims.expires == NOW + 240


def test_without_a_first_issue_the_first_renewal_is_it() -> None:
    first = renewed_claims(CLAIMS, NOW - 5.5, 40)
    assert first is not None
    assert (first.issued_at, first.expires) == (NOW - 6, NOW + 24)
    last = renewed_claims(first, NOW + 20, 40)
    assert last is not None
    assert (last.issued_at, last.expires) == (NOW - 6, NOW + 34)


@pytest.mark.parametrize(("now", "expires"), [(NOW + 9, NOW + 39), (NOW + 11, NOW + 40), (NOW + 39, NOW + 40)])
def test_a_chain_ends(now: float, expires: float) -> None:
    later = renewed_claims(replace(CLAIMS, issued_at=NOW - 60), now, 100)
    assert later is not None
    assert later.expires == expires


@pytest.mark.parametrize("now", [NOW + 40, NOW + 41, NOW + 4000])
def test_nothing_is_renewed_after_the_chains_end(now: float) -> None:
    assert renewed_claims(replace(CLAIMS, issued_at=NOW - 60), now, 100) is None


def test_no_successor_outlives_the_session() -> None:
    for ends, expires in ((NOW + 10, NOW + 10), (NOW + 90, NOW + 30), (NOW, None)):
        later = renewed_claims(replace(CLAIMS, session_ends=ends), NOW, MOST)
        assert (None if later is None else later.expires) == expires


def test_a_token_that_asks_for_none_has_none() -> None:
    with pytest.raises(Misuse):
        renewed_claims(replace(CLAIMS, renewal=None), NOW, MOST)
