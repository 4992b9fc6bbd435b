from __future__ import annotations

import asyncio

import pytest

from cache.fleet.progress import Kind, Message, View, read

DIGEST = bytes(range(16))


@pytest.mark.parametrize("kind", Kind)
def test_a_message_is_read_as_it_was_packed(kind: Kind) -> None:
    message = Message(kind, DIGEST, 2**63, 2**31, 2**40)
    assert read(message.pack()) == message


@pytest.mark.parametrize(
    "payload",
    [b"", Message(Kind.MORE, DIGEST).pack()[:-1], Message(Kind.MORE, DIGEST).pack() + b"\0", b"\0" * 37, b"\6" * 37],
    ids=["empty", "short", "long", "kind 0", "kind 6"],
)
def test_what_is_no_message(payload: bytes) -> None:
    assert read(payload) is None


async def test_what_has_ended_stays_ended() -> None:
    view = View(DIGEST)
    view.hear(Message(Kind.MORE, DIGEST, 1, 1, 10), 1.0)
    view.hear(Message(Kind.WHOLE, DIGEST, 1, 2, 20), 2.0)
    view.hear(Message(Kind.BROKEN, DIGEST, 1, 3, 30), 3.0)
    assert view.of(1) == (Message(Kind.WHOLE, DIGEST, 1, 2, 20), 2.0)


async def test_the_newest_holder_counts_and_none_before_the_last() -> None:
    view = View(DIGEST)
    waiting = asyncio.ensure_future(view.newest(2))
    view.hear(Message(Kind.MORE, DIGEST, 1), 1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    view.hear(Message(Kind.MORE, DIGEST, 3), 1.0)
    view.hear(Message(Kind.MORE, DIGEST, 2), 1.0)
    assert await waiting == 3
