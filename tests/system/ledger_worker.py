"""A worker in a process of its own that shares a ledger: commands on standard input, answers on standard output.

Started as `python -m tests.system.ledger_worker URL BUDGET_SECONDS`. Each line is a command with its words; each answer
is one line.

    use FIRST LAST        which of the token ids FIRST … LAST it used first
    play SUBJECT N MOST   which of N sessions of its own may play
    evict SUBJECT N MOST  the same where the newest take the places of the oldest
    watch SUBJECT         ask for SUBJECT again and again, as a busy worker does, until it is refused; when that was
    check SUBJECT         the reason for refusing, or "ok"
    once ID               the same for a one-time token
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from auth.claims import Claims
from auth.errors import Denied
from origin.ledger.ledger import Asked, Ledger
from origin.ledger.limits import Limits
from origin.ledger.redis_ledger import RedisLedger
from origin.telemetry.metrics import Metrics, Vocabulary

_AT_ONCE = 50


async def _reason(ledger: Ledger, claims: Claims, most: int = 0, *, evicts: bool = False) -> str:
    limits = Limits(max_streams=most, evicts=evicts, streams_unchecked=False)
    try:
        await ledger.check(Asked("/vod", "clock", claims, None, limits))
    except Denied as denied:
        return denied.reason.value
    return "ok"


async def _use(ledger: Ledger, first: int, last: int) -> str:
    async def one(number: int) -> str:
        claims = Claims(token_id=f"t{number}", expires=time.time() + 60, one_time=True)
        return str(number) if await _reason(ledger, claims) == "ok" else ""

    return " ".join(filter(None, await asyncio.gather(*map(one, range(first, last)))))


async def _play(ledger: Ledger, subject: str, sessions: int, most: int, *, evicts: bool = False) -> str:
    async def one(number: int) -> str:
        name = f"{os.getpid()}-{number}"
        claims = Claims(subject=subject, session_id=name)
        return name if await _reason(ledger, claims, most, evicts=evicts) == "ok" else ""

    return " ".join(filter(None, await asyncio.gather(*map(one, range(sessions)))))


async def _watch(ledger: Ledger, subject: str) -> str:
    while True:
        load = await asyncio.gather(*(_reason(ledger, Claims(subject=f"{n}")) for n in range(_AT_ONCE)))
        assert set(load) == {"ok"}
        if await _reason(ledger, Claims(subject=subject)) != "ok":
            return repr(time.time())
        await asyncio.sleep(0)


async def _answer(ledger: Ledger, words: list[str]) -> str:
    match words:
        case ["use", first, last]:
            return await _use(ledger, int(first), int(last))
        case ["play", subject, sessions, most]:
            return await _play(ledger, subject, int(sessions), int(most))
        case ["evict", subject, sessions, most]:
            return await _play(ledger, subject, int(sessions), int(most), evicts=True)
        case ["watch", subject]:
            return await _watch(ledger, subject)
        case ["check", subject]:
            return await _reason(ledger, Claims(subject=subject))
        case ["once", token_id]:
            return await _reason(ledger, Claims(token_id=token_id, expires=time.time() + 60, one_time=True))
    raise ValueError(words)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _serve(url: str, budget_seconds: float) -> None:
    store = RedisLedger(url, budget_seconds=budget_seconds, clock=time.time)
    ledger = Ledger(store, Metrics(Vocabulary(), "0"), clock=time.time, monotonic=time.monotonic)
    await ledger.refresh()
    following = asyncio.create_task(ledger.follow())
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await _answer(ledger, line.split()))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2])))
