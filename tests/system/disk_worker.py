"""A worker in a process of its own that shares a disk store: commands on standard input, answers on standard output.

Started as `python -m tests.system.disk_worker DIRECTORY MAX_BYTES [FILE_BYTES]`; with FILE_BYTES, no file of its may
grow larger. Each line is a command with its words; each answer is one line.

    put KEY SEED LENGTH   "kept" or "served"; the reader of the fill has got every byte in any case
    get KEY               SEED and LENGTH of the body, every byte of which is right, or "none"
    remove KEY            "True" or "False"
    churn SEED            fill, extend, rewrite, remove and read at random, for ever
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from pathlib import Path

from cache.disk import DiskLimits, DiskStore, Held
from cache.disk.fill import Fill
from tests.cache.disk.stores import KIB, Run, drained

_KEYS = 40
_LENGTH = 96 * KIB


def pattern(seed: int, start: int, stop: int) -> bytes:
    """The right bytes of every body of this seed."""
    period = random.Random(seed).randbytes(1009)
    first = start % len(period)
    return (period * ((stop - start) // len(period) + 2))[first : first + stop - start]


def limits(max_bytes: int) -> DiskLimits:
    """Of a small store whose looks into the index are never believed for long."""
    return DiskLimits(max_bytes=max_bytes, block_bytes=16 * KIB, valid_seconds=0)


async def right_seed(held: Held) -> int:
    """The seed in the head; every byte that is there is right."""
    seed = int(held.head)
    for start, stop in held.extents.runs:
        assert await held.read(Run(start, stop - start)) == pattern(seed, start, stop), (held.row.key, start, stop)
    return seed


async def _put(store: DiskStore, key: str, seed: int, length: int) -> str:
    fill = await store.begin(key, str(seed).encode(), length=None)
    reader = asyncio.create_task(drained(fill))
    for start in range(0, length, 32 * KIB):
        await fill.write(start, pattern(seed, start, min(length, start + 32 * KIB)))
    is_kept = await fill.commit(length=length)
    assert await reader == pattern(seed, 0, length)
    return "kept" if is_kept else "served"


async def _get(store: DiskStore, key: str) -> str:
    held = await store.get(key)
    if held is None:
        return "none"
    try:
        return f"{await right_seed(held)} {held.length}"
    finally:
        held.release()


async def _answer(store: DiskStore, words: list[str]) -> str:
    match words:
        case ["put", key, seed, length]:
            return await _put(store, key, int(seed), int(length))
        case ["get", key]:
            return await _get(store, key)
        case ["remove", key]:
            return str(await store.remove(key))
        case ["churn", seed]:
            return await _churn(store, int(seed))
    raise ValueError(words)


async def _churn(store: DiskStore, seed: int) -> str:
    _say("churning")
    await asyncio.gather(*(_churn_one(store, random.Random(seed * 10 + number)) for number in range(4)))
    return "never"


async def _churn_one(store: DiskStore, dice: random.Random) -> None:
    while True:
        key = f"key {dice.randrange(_KEYS)}"
        held = await store.get(key)
        choice = dice.random()
        if held is None or choice < 0.2:
            seed = dice.randrange(1 << 30)
            expects = None if dice.random() < 0.5 else (0, _LENGTH // 4)
            fill = await store.begin(key, str(seed).encode(), length=_LENGTH, expects=expects)
            await _write(fill, seed, dice, whole=expects is None)
        elif choice < 0.6:
            seed = await right_seed(held)
            await _write(await store.extend(held), seed, dice, whole=False)
        elif choice < 0.7:
            await store.rewrite_head(key, held, held.head + b" ")
        elif choice < 0.75:
            await store.remove(key)
        if held is not None:
            held.release()


async def _write(fill: Fill, seed: int, dice: random.Random, *, whole: bool) -> None:
    for _ in range(1 if whole else dice.randrange(1, 4)):
        start = 0 if whole else dice.randrange(_LENGTH)
        stop = _LENGTH if whole else dice.randrange(start, _LENGTH) + 1
        for at in range(start, stop, 8 * KIB):
            await fill.write(at, pattern(seed, at, min(stop, at + 8 * KIB)))
    await (fill.abandon() if dice.random() < 0.2 else fill.commit())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _serve(directory: Path, max_bytes: int) -> None:
    store = await DiskStore.open(directory, limits(max_bytes), time.time)
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await _answer(store, line.split()))
    await store.close()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
