"""Tracks that are lists, and courses of several tracks."""

from __future__ import annotations

import pytest

from origin.manifests.courses import Chain, Course, Entry, ListedTrack, Role, Wanted, folder_of

NOW = 0.0


def listed(*names: str) -> ListedTrack:
    return ListedTrack([Entry(Wanted(name), Role.SEGMENT) for name in names], is_live=False)


def test_a_course_asks_the_track_that_has_it() -> None:
    course = Course((listed("v/1", "v/2"), listed("a/1", "a/2")), ("p",))
    assert course.after(Wanted("a/1"), 5, NOW) == (Wanted("a/2"),)
    assert course.after(Wanted("v/2"), 5, NOW) == ()
    assert course.after(Wanted("t/1"), 5, NOW) is None
    assert course.folders == {"v", "a"}
    assert course.size == 5


def test_where_a_track_ends_the_next_one_begins() -> None:
    init = Entry(Wanted("i"), Role.INIT)
    second = ListedTrack([init, *(Entry(Wanted(name), Role.SEGMENT) for name in ("3", "4"))], is_live=False)
    chain = Chain((listed("1", "2"), second, listed("5")))
    assert chain.after(Wanted("1"), 1, NOW) == (Wanted("2"),)
    assert chain.after(Wanted("1"), 2, NOW) == (Wanted("2"), Wanted("i"), Wanted("3"))
    assert chain.after(Wanted("2"), 2, NOW) == (Wanted("i"), Wanted("3"), Wanted("4"))
    assert chain.after(Wanted("2"), 5, NOW) == (Wanted("i"), Wanted("3"), Wanted("4"))
    assert chain.after(Wanted("5"), 2, NOW) == ()
    assert chain.after(Wanted("6"), 2, NOW) is None
    assert [wanted.name for wanted in chain.all(NOW)] == ["1", "2", "i", "3", "4", "5"]
    assert chain.beginning(1, NOW) == (Wanted("1"),)
    assert (chain.size, chain.folders) == (6, frozenset([""]))
    assert Chain(()).beginning(1, NOW) == ListedTrack([init], is_live=False).beginning(1, NOW) == ()


def test_a_track_of_nothing() -> None:
    assert listed().after(Wanted("a"), 5, NOW) is None
    assert list(listed().all(NOW)) == []
    assert listed().folders == frozenset()


def test_of_a_segment_named_twice_the_first_counts() -> None:
    assert listed("a", "b", "a", "c").after(Wanted("a"), 1, NOW) == (Wanted("b"),)


@pytest.mark.parametrize(("name", "folder"), [("a/b/c", "a/b"), ("a", ""), ("", "")])
def test_folders(name: str, folder: str) -> None:
    assert folder_of(name) == folder
