"""A process that races others for first uses: `python -m tests.origin.ledger.worker_race FILE COUNT [forever]`.

It says "ready", waits for a line, and prints which of the ids 0 … COUNT-1 it used first, in one line. With "forever" it
goes through them again and again under names of its own and says how far it is now and then.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from origin.ledger.workers_ledger import WorkersLedger


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _race(store: WorkersLedger, count: int) -> str:
    firsts = await asyncio.gather(*(store.first_use("/vod", f"t{number}", 60) for number in range(count)))
    return " ".join(str(number) for number, is_first in enumerate(firsts) if is_first)


async def _main(path: Path, count: int, *, is_endless: bool) -> None:
    store = WorkersLedger(path, time.time, budget_seconds=20)
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    if is_endless:
        for number in range(10**9):
            await store.first_use("/vod", f"{os.getpid()} {number}", 60)
            if number % 50 == 0:
                _say(str(number))
    _say(await _race(store, count))
    await store.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), is_endless=sys.argv[3:] == ["forever"]))
