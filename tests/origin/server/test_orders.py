from __future__ import annotations

import asyncio
import os
import signal

import pytest

from origin.server.orders import Orders, obeying_signals
from tests.stories.gateway import PATIENCE


async def test_the_second_time_it_is_urgent() -> None:
    orders = Orders()
    orders.stop()
    assert (orders.end.is_set(), orders.hurry.is_set(), orders.is_replaced) == (True, False, False)
    orders.stop()
    assert orders.hurry.is_set()


async def test_who_is_replaced_may_still_be_stopped() -> None:
    orders = Orders()
    orders.retire()
    assert (orders.end.is_set(), orders.is_replaced) == (True, True)
    orders.stop()
    assert orders.hurry.is_set()


async def test_who_stops_is_not_replaced() -> None:
    orders = Orders()
    orders.stop()
    orders.retire()
    assert (orders.hurry.is_set(), orders.is_replaced) == (False, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_are_orders(number: signal.Signals) -> None:
    orders = Orders()
    async with asyncio.timeout(PATIENCE):
        with obeying_signals(orders):
            os.kill(os.getpid(), number)
            await orders.end.wait()
            os.kill(os.getpid(), number)
            await orders.hurry.wait()


async def test_there_is_nothing_to_reload(caplog: pytest.LogCaptureFixture) -> None:
    orders = Orders()
    async with asyncio.timeout(PATIENCE):
        with obeying_signals(orders):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            await orders.end.wait()
    assert ["SIGHUP" in record.getMessage() for record in caplog.records] == [True]
