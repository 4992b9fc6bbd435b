"""Answers are remembered briefly, boundedly and apart."""

from __future__ import annotations

from dataclasses import replace

from origin.ledger.leases import REFUSED_FOR, RENEW_EVERY, Leases
from tests.contracts.ledger import STREAM


def test_a_lease_is_known_until_it_has_to_be_renewed() -> None:
    leases = Leases()
    assert leases.known(STREAM, 0) is None
    leases.put(STREAM, True, 0)
    assert leases.known(STREAM, RENEW_EVERY - 0.01) is True
    assert leases.known(STREAM, RENEW_EVERY) is None


def test_a_short_lease_is_renewed_before_it_ends() -> None:
    leases, brief = Leases(), replace(STREAM, lease_seconds=6)
    leases.put(brief, True, 0)
    assert leases.known(brief, 1.99) is True
    assert leases.known(brief, 2) is None


def test_a_refusal_is_known_for_a_moment() -> None:
    leases = Leases()
    leases.put(STREAM, False, 0)
    assert leases.known(STREAM, REFUSED_FOR - 0.01) is False
    assert leases.known(STREAM, REFUSED_FOR) is None


def test_sessions_are_kept_apart() -> None:
    leases = Leases()
    leases.put(STREAM, True, 0)
    for other in (replace(STREAM, mount="/"), replace(STREAM, subject="bob"), replace(STREAM, session="two")):
        assert leases.known(other, 0) is None


def test_it_is_bounded() -> None:
    leases = Leases(most=2)
    for session in ("one", "two", "one", "three"):
        leases.put(replace(STREAM, session=session), True, 0)
    assert len(leases) == 2
    assert leases.known(replace(STREAM, session="two"), 0) is None
