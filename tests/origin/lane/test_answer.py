"""What is told of answers that are alike is one object."""

from __future__ import annotations

from origin.lane.answer import told_of
from origin.media.kinds import Kind


def test_alike_is_the_same() -> None:
    told = told_of(Kind.SEGMENT, 200)
    assert told_of(Kind.SEGMENT, 200) is told
    assert (told.kind, told.status, told.cache) == (Kind.SEGMENT, 200, "")
    others = [told_of(Kind.SEGMENT, 206), told_of(Kind.MPD, 200), told_of(Kind.SEGMENT, 200, "hit")]
    assert len({told, *others}) == 4
