"""What a header block may promise. Whole lies over a connection are in `test_incoming`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.fields import Fields
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from origin.upstream.promised import body_length, check_head, wrong_range


@dataclass(frozen=True)
class Answer:
    status: int
    fields: Fields = ()


def asking(*ranges: str, method: str = "GET") -> Outgoing:
    return Outgoing(method, "/a", tuple(("Range", each) for each in ranges))


def partial(content_range: str, *more: tuple[str, str]) -> Answer:
    return Answer(206, (("Content-Range", content_range), *more))


@pytest.mark.parametrize(
    ("asked", "content_range"),
    [
        ("bytes=0-0", "bytes 0-0/1"),
        ("bytes=0-4", "bytes 0-4/10"),
        ("bytes=0-4", "bytes 0-4/*"),
        ("bytes=0-4", "BYTES  0-4/10"),
        ("bytes=0-99", "bytes 0-9/10"),
        ("bytes=0-4", "bytes 0-2/10"),
        ("bytes=5-", "bytes 5-9/10"),
        ("bytes=5-", "bytes 5-7/*"),
        ("bytes=-3", "bytes 7-9/10"),
        ("bytes=-30", "bytes 0-9/10"),
        ("bytes=-3", "bytes 7-9/*"),
        ("bytes=0-0,5-6", "bytes 0-9/10"),
    ],
)
def test_what_was_asked_for(asked: str, content_range: str) -> None:
    assert wrong_range(asking(asked), partial(content_range)) is None


@pytest.mark.parametrize(
    ("asked", "content_range"),
    [
        ("bytes=0-4", "bytes 1-4/10"),
        ("bytes=1-4", "bytes 0-4/10"),
        ("bytes=0-4", "bytes 0-5/10"),
        ("bytes=0-4", "bytes 0-4/4"),
        ("bytes=0-4", "bytes 4-0/10"),
        ("bytes=0-4", "bytes 0-4"),
        ("bytes=0-4", "bytes 0-/10"),
        ("bytes=0-4", "bytes */10"),
        ("bytes=0-4", "bytes=0-4/10"),
        ("bytes=0-4", "items 0-4/10"),
        ("bytes=0-4", "bytes 0-4/10, bytes 0-4/10"),
        ("bytes=0-4", "bytes +0-4/10"),
        ("bytes=0-4", "bytes 0-4/\u0661\u0660"),
        ("bytes=0-4", f"bytes 0-4/{'9' * 30}"),
        ("bytes=0-4", ""),
        ("bytes=5-", "bytes 6-9/10"),
        ("bytes=-3", "bytes 6-9/10"),
        ("bytes=-3", "bytes 8-9/10"),
        ("bytes=-3", "bytes 6-9/*"),
        ("items=0-4", "bytes 0-4/10"),
        ("bytes=4-0", "bytes 0-4/10"),
        ("", "bytes 0-4/10"),
    ],
)
def test_what_was_not(asked: str, content_range: str) -> None:
    assert wrong_range(asking(asked), partial(content_range)) is not None


def test_the_rest_of_a_partial_answer() -> None:
    good = partial("bytes 0-4/10", ("Content-Length", "5"))
    assert wrong_range(asking("bytes=0-4"), good) is None
    assert wrong_range(asking("bytes=0-4"), partial("bytes 0-4/10", ("Content-Length", "4"))) is not None
    assert wrong_range(asking("bytes=0-4"), partial("bytes 0-4/10", ("Content-Range", "bytes 0-4/10"))) is not None
    assert wrong_range(asking("bytes=0-4"), Answer(206)) is not None
    assert wrong_range(asking("bytes=0-4", method="HEAD"), good) is not None
    assert wrong_range(asking(), good) is not None
    parts = Answer(206, (("Content-Type", "Multipart/ByteRanges; boundary=x"),))
    assert wrong_range(asking("bytes=0-4"), parts) is not None
    assert wrong_range(asking("bytes=0-0,2-2"), parts) is None
    for status in (200, 304, 404, 416):
        assert wrong_range(asking(), Answer(status)) is None


@given(st.integers(0, 20), st.none() | st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 30))
def test_a_range_is_taken_only_if_it_lies_in_what_was_asked(
    start: int, end: int | None, first: int, last: int, total: int
) -> None:
    asked = f"bytes={start}-{'' if end is None else end}"
    is_right = wrong_range(asking(asked), partial(f"bytes {first}-{last}/{total}")) is None
    makes_sense = first <= last < total and (end is None or start <= end)
    assert is_right is (makes_sense and first == start and (end is None or last <= end))


@pytest.mark.parametrize(
    ("request_", "answer", "length"),
    [
        (asking(), Answer(200, (("content-length", "7"),)), 7),
        (asking(), Answer(200), None),
        (asking(method="HEAD"), Answer(200, (("content-length", "7"),)), 0),
        (asking(), Answer(204), 0),
        (asking(), Answer(304, (("content-length", "7"),)), 0),
        (asking("bytes=2-6"), partial("bytes 2-6/9"), 5),
        (asking("bytes=2-6"), partial("bytes 2-6/9", ("content-length", "5")), 5),
        (asking(), Answer(416, (("content-range", "bytes */9"),)), None),
    ],
    ids=range(8),
)
def test_how_much_is_promised(request_: Outgoing, answer: Answer, length: int | None) -> None:
    assert body_length(request_, answer) == length


@pytest.mark.parametrize(
    "answer",
    [
        Answer(199),
        Answer(1000),
        Answer(200, (("X", "a\nb"),)),
        Answer(200, (("X", "a\x7fb"),)),
        Answer(200, (("X Y", "a"),)),
        Answer(200, (("Content-Length", "\u0661"),)),
        Answer(200, (("Content-Length", "9" * 19),)),
        Answer(200, (("Transfer-Encoding", "gzip, chunked"),)),
        Answer(200, (("X", "x" * 96),)),
        Answer(304),
    ],
    ids=range(10),
)
def test_what_is_not_believed(answer: Answer) -> None:
    with pytest.raises(UpstreamError) as caught:
        check_head(asking(), answer, 100)
    assert caught.value.trouble is Trouble.MALFORMED


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (asking(), Answer(200, (("X", "x" * 95),))),
        (asking(), Answer(200, (("X", "a\tb caf\u00e9"), ("Transfer-Encoding", "Chunked")))),
        (asking(), Answer(999)),
        (Outgoing("GET", "/", (("if-none-match", '"a"'),)), Answer(304)),
        (Outgoing("GET", "/", (("If-Modified-Since", "x"),)), Answer(304)),
    ],
    ids=range(5),
)
def test_what_is_believed(request_: Outgoing, answer: Answer) -> None:
    check_head(request_, answer, 100)
