"""Calls over a real connection."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from origin.outbound.edge import Call
from origin.outbound.transport import Transport
from tests.origin.outbound.recording import recording
from tests.redis_server import free_port


async def test_what_is_sent_and_answered() -> None:
    async with recording() as server:
        transport = Transport()
        server.answers.append(web.Response(status=429, body=b"later", headers={"Retry-After": "3"}))
        call = Call("PURGE", f"{server.base}/a%2Ab%20?c=%7E", (("Host", "cdn.example"), ("X-A", "1")), b"body")
        answer = await transport.send(call)
        await transport.close()
        await transport.close()
    assert (answer.status, answer.body, ("Retry-After", "3") in answer.fields) == (429, b"later", True)
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == ("PURGE", "/a%2Ab%20?c=%7E", b"body")
    assert (asked.headers["host"], asked.headers["x-a"], asked.headers["user-agent"]) == (
        "cdn.example",
        "1",
        "headgate",
    )


async def test_redirects_are_not_followed_and_long_answers_not_read() -> None:
    async with recording() as server:
        transport = Transport()
        server.answers += [
            web.Response(status=302, headers={"Location": "/elsewhere"}),
            web.Response(body=b"x" * 1_000_000),
        ]
        assert (await transport.send(Call("PURGE", f"{server.base}/a"))).status == 302
        assert len((await transport.send(Call("PURGE", f"{server.base}/a"))).body) == 64 * 1024
        await transport.close()
    assert server.lines == ["PURGE /a"] * 2


async def _silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.5)
    writer.close()


async def test_who_does_not_answer() -> None:
    transport = Transport(time_limit=0.2)
    url = f"http://127.0.0.1:{free_port()}/secret"
    with pytest.raises(ConnectionError) as caught:
        await transport.send(Call("PURGE", url))
    assert "secret" not in str(caught.value)
    listening = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(TimeoutError):
        await transport.send(Call("PURGE", f"http://127.0.0.1:{port}/secret"))
    await transport.close()
    listening.close()
    await listening.wait_closed()
