from __future__ import annotations

import pytest

from origin.edge.admission import admit
from origin.edge.objects import answer_object
from origin.http.reply import FileSlice, Reply
from origin.media.target import parse_target
from origin.storage.memory import MemoryStore
from tests.edge_parts import OPEN, inbound, open_mount

NOW = 1_800_000_000.0


async def answer(path: str, *fields: tuple[str, str], method: str = "GET", modified: float = 1.0) -> Reply | None:
    store = MemoryStore()
    store.put("a/1.m4s", b"0123456789", modified=modified)
    mount, asked = open_mount(store), inbound(f"/open/{path}", *fields, method=method)
    return await answer_object(mount, parse_target(asked.facts.path, [OPEN]), admit(mount, asked, NOW), asked, NOW)


@pytest.mark.parametrize(
    ("fields", "method", "status", "has_content"),
    [
        ([], "GET", 200, True),
        ([], "HEAD", 200, False),
        ([("Range", "bytes=0-1")], "GET", 206, True),
        ([("Range", "bytes=0-1,5-6")], "GET", 206, True),
        ([("Range", "bytes=99-")], "GET", 416, False),
        ([("If-None-Match", "*")], "GET", 304, False),
        ([("If-Match", '"x"')], "GET", 412, False),
    ],
)
async def test_answer(fields: list[tuple[str, str]], method: str, status: int, has_content: bool) -> None:
    reply = await answer("a/1.m4s", *fields, method=method)
    assert reply is not None
    assert (reply.status, reply.content is not None) == (status, has_content)
    if isinstance(reply.body, FileSlice):
        assert await reply.body.content.read(reply.body.span) == b"0123456789"[: reply.body.span.length]
        reply.body.content.release()


async def test_there_may_be_none() -> None:
    assert await answer("a/2.m4s") is None


@pytest.mark.parametrize("modified", [-5.0, 1e12])
async def test_an_odd_date_is_no_reason_to_fail(modified: float) -> None:
    reply = await answer("a/1.m4s", modified=modified)
    assert reply is not None
    assert reply.status == 200
