"""Connections on which the other side speaks first are used for nothing."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from origin.upstream.addresses import CheckedResolver, Reachable
from origin.upstream.connections import Attempt, CheckedConnector, attempt_here
from origin.upstream.origin_server import Trouble, UpstreamError
from tests.liar import Liar, response

RULE = Reachable((ip_network("127.0.0.0/8"),))


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=CheckedConnector(RULE, CheckedResolver(RULE), True))


async def test_an_attempt_learns_of_its_connection() -> None:
    async with Liar() as liar, session() as client:
        liar.says(response(b"hello"))
        attempts = []
        for _ in range(2):
            attempt = Attempt()
            token = attempt_here.set(attempt)
            async with client.get(liar.url) as answer:
                assert await answer.read() == b"hello"
            attempt_here.reset(token)
            attempts.append(attempt)
        async with client.get(liar.url) as answer:  # nobody asks: nobody is told
            assert await answer.read() == b"hello"
        assert [attempt.is_reused for attempt in attempts] == [False, True]
        assert attempts[0].protocol is attempts[1].protocol
        closed = attempts[0].closed
        assert closed is not None
        await liar.stop()
        await asyncio.wait([closed])


async def test_a_connection_on_which_something_was_said_is_thrown_away() -> None:
    async with Liar() as liar, session() as client:
        liar.answers(lambda _, number: (response(str(number).encode()), response(b"unasked")))
        for number in range(3):
            async with client.get(liar.url) as answer:
                assert await answer.read() == str(number).encode()
            await asyncio.sleep(0.05)
        assert liar.connections == 3


class Slow(CheckedConnector):
    """Looks at a new connection only when what was said first has arrived."""

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        made = await super()._create_connection(req, traces, timeout)
        while not made.should_close:
            await asyncio.sleep(0.001)
        return made


async def test_a_server_that_always_speaks_first_is_given_up() -> None:
    async with (
        Liar() as liar,
        aiohttp.ClientSession(connector=Slow(RULE, CheckedResolver(RULE), True)) as client,
    ):
        liar.greeting = response(b"unasked")
        with pytest.raises(UpstreamError) as caught:
            await client.get(liar.url)
        assert caught.value.trouble is Trouble.MALFORMED
        assert liar.requests == []
