"""Which header blocks are known again."""

from __future__ import annotations

import pytest
from aiohttp import HttpVersion10

from origin.http.conditions import Conditions
from origin.lane.heads import Heads
from tests.origin.lane.scenes import BLOCK, head_of, message


def test_a_block_is_known_when_it_has_come_twice() -> None:
    heads, data = Heads(), b"GET / HTTP/1.1\r\n" + BLOCK
    for _ in range(2):
        assert heads.find(data + b"rest", 16) is None
        heads.learn(data, 16, message())
    found = heads.find(data + b"rest", 16)
    assert found is not None
    assert found[1] == len(data)
    assert heads.find(data[:-1], 16) is None
    assert heads.find(data.replace(b"cdn", b"CDN"), 16) is None


def test_what_is_read_from_it() -> None:
    head = head_of(("Range", "bytes=0-1"), ("Origin", "https://a.example"), ("Accept-Encoding", "br"), ("X-Own", "1"))
    assert head.conditions == Conditions(range="bytes=0-1")
    assert (head.origin, head.accept_encoding, head.others) == ("https://a.example", "br", (("x-own", "1"),))


def test_repeated_fields_are_one_list() -> None:
    assert head_of(("Accept-Encoding", "br"), ("accept-encoding", "gzip")).accept_encoding == "br, gzip"


def test_blocks_that_ask_for_the_same_are_one_variant() -> None:
    heads = Heads()
    variants = []
    for agent, coding in (("a", "br"), ("b", "br"), ("a", "gzip")):
        block = f"User-Agent: {agent}\r\nAccept-Encoding: {coding}\r\n\r\n".encode()
        for _ in range(2):
            heads.learn(block, 0, message(("User-Agent", agent), ("Accept-Encoding", coding)))
        found = heads.find(block, 0)
        assert found is not None
        variants.append(found[0].variant)
    assert variants[0] == variants[1] != variants[2]


@pytest.mark.parametrize(
    "made",
    [
        message(method="POST"),
        message(method="OPTIONS"),
        message(version=HttpVersion10),
        message(should_close=True),
        message(upgrade=True),
        message(chunked=True),
        message(compression="gzip"),
        message(("Host", "b")),
        message(("Content-Length", "0")),
        message(("Transfer-Encoding", "chunked")),
        message(("Expect", "100-continue")),
        message(("Upgrade", "h2c")),
        message(("TE", "trailers")),
    ],
)
def test_what_asks_for_more_is_not_remembered(made: object) -> None:
    heads = Heads()
    for _ in range(3):
        heads.learn(BLOCK, 0, made)  # type: ignore[arg-type]
    assert heads.find(BLOCK, 0) is None


def test_neither_long_blocks_nor_too_many_are_remembered() -> None:
    heads = Heads(most=2)
    blocks = [b"A: %d\r\n\r\n" % number for number in range(3)]
    for block in blocks:
        for _ in range(2):
            heads.learn(block, 0, message())
    assert [heads.find(block, 0) is None for block in blocks] == [True, False, False]
    long = b"A: " + b"a" * 4096 + b"\r\n\r\n"
    for _ in range(3):
        heads.learn(long, 0, message())
    assert heads.find(long, 0) is None
