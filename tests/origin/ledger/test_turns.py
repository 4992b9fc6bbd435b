"""Which streams may go on, as a function of leases and a time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from origin.ledger.store import Stream
from origin.ledger.turns import Lease, takes_turn

STREAM = Stream("/vod", "ann", "one", most=2, lease_seconds=60)


@given(st.lists(st.sampled_from("abcde")), st.booleans())
def test_never_more_than_so_many_play(asked: list[str], evicts: bool) -> None:
    leases: dict[str, Lease] = {}
    for now, session in enumerate(asked):
        takes_turn(leases, replace(STREAM, session=session, evicts=evicts), float(now))
        assert sum(not each.is_evicted for each in leases.values()) <= STREAM.most
        assert evicts or not any(each.is_evicted for each in leases.values())


def test_who_began_first_goes_first() -> None:
    leases = {"new": Lease(5, 60), "old": Lease(1, 60)}
    assert takes_turn(leases, replace(STREAM, evicts=True), 10)
    assert {name: each.is_evicted for name, each in leases.items()} == {"new": False, "old": True, "one": False}
    assert leases["old"].ends == leases["one"].ends == 70


def test_a_refusal_leaves_no_trace() -> None:
    leases = {"a": Lease(1, 60), "b": Lease(2, 60)}
    assert not takes_turn(leases, STREAM, 10)
    assert leases == {"a": Lease(1, 60), "b": Lease(2, 60)}
