"""Heads of stored objects."""

from __future__ import annotations

import pytest

from origin.httpcache.stored import StoredResponse
from origin.shield.records import Signpost, pack, unpack

STORED = StoredResponse(200, (("A", "b"),), 1.0, 2.0, (("accept", None),), ("tag",))


@pytest.mark.parametrize("record", [STORED, Signpost((("accept", "x"), ()), "born"), Signpost(())])
def test_a_record_survives(record: StoredResponse | Signpost) -> None:
    assert unpack(pack(record)) == record


@pytest.mark.parametrize("head", [b"", b"R", b"V", b"X", b"Rabc", b"V\xff", b"V\x92\xa1a\xa1b", pack(STORED)[:-1]])
def test_what_nobody_wrote_is_no_record(head: bytes) -> None:
    assert unpack(head) is None


def test_the_latest_names_come_first_and_old_ones_are_forgotten() -> None:
    post = Signpost((), "born")
    for number in range(10):
        post = post.with_latest((f"x-{number}",))
    assert post.nominations == tuple((f"x-{number}",) for number in range(9, 1, -1))
    again = post.with_latest(("x-5",))
    assert (again.nominations[0], len(again.nominations), again.born) == (("x-5",), 8, "born")
