"""Rings follow their sources, and outlive a broken one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.keystore.rings import KeyRings, Refreshed
from origin.keystore.source import FileSource, Pace, Source


def write(path: Path, *names: str) -> Path:
    write_ring(path, KeyRing(new_key(Algorithm.HS256, name) for name in names))
    return path


def ids(rings: KeyRings, name: str) -> list[str]:
    return [key.id for key in rings.ring(name).keys]


async def opened(paths: Mapping[str, Path], now: float = 100) -> KeyRings:
    rings = KeyRings({name: FileSource(path) for name, path in paths.items()})
    await rings.open(now)
    return rings


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return {"main": write(tmp_path / "main.json", "a"), "other": write(tmp_path / "other.json", "b")}


async def test_rings_by_name(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    assert (ids(rings, "main"), ids(rings, "other")) == (["a"], ["b"])
    assert rings.read_at("main") == 100
    with pytest.raises(KeyError):
        rings.ring("absent")
    assert repr(rings) == "KeyRings(main, other)"


async def test_an_unchanged_file_keeps_its_ring(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    before, snapshot = rings.ring("main"), rings.snapshot()
    assert (await rings.refresh(200)).changed == ()
    assert rings.ring("main") is before
    assert rings.snapshot() is snapshot
    assert (rings.read_at("main"), rings.confirmed_at("main")) == (100, 200)


async def test_a_changed_file_swaps_its_ring_alone(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    held, other = rings.ring("main"), rings.ring("other")
    await asyncio.to_thread(write, paths["main"], "a", "c")
    refreshed = await rings.refresh(200)
    assert (refreshed.asked, refreshed.changed, dict(refreshed.faults)) == (("main", "other"), ("main",), {})
    assert ids(rings, "main") == ["a", "c"]
    assert (rings.read_at("main"), rings.read_at("other")) == (200, 100)
    assert [key.id for key in held.keys] == ["a"]  # a reader in the middle of a request keeps what it has
    assert rings.ring("other") is other
    assert rings.snapshot()["main"] is rings.ring("main")


async def test_a_broken_file_keeps_the_last_good_ring(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    await asyncio.to_thread(paths["main"].write_text, "{")
    for now in (200, 300):  # and says so every time, until it is mended
        refreshed = await rings.refresh(now)
        assert refreshed.changed == ()
        assert refreshed.faults["main"].fault is Fault.INVALID
        assert ids(rings, "main") == ["a"]
    assert (rings.confirmed_at("main"), rings.confirmed_at("other")) == (100, 300)
    await asyncio.to_thread(paths["main"].unlink)
    assert (await rings.refresh(400)).faults["main"].fault is Fault.MISSING
    await asyncio.to_thread(write, paths["main"], "d")
    assert (await rings.refresh(500)).changed == ("main",)
    assert ids(rings, "main") == ["d"]


async def test_one_broken_file_does_not_hold_up_another(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    await asyncio.to_thread(paths["main"].write_text, "{")
    await asyncio.to_thread(write, paths["other"], "e")
    assert (await rings.refresh(200)).changed == ("other",)


async def test_at_the_start_there_is_no_last_good_ring(paths: dict[str, Path]) -> None:
    await asyncio.to_thread(paths["other"].unlink)
    with pytest.raises(KeystoreError) as error:
        await opened(paths)
    assert error.value.fault is Fault.MISSING


class Scripted:
    """A source that does what a test tells it to."""

    def __init__(self, pace: Pace, *answers: KeyRing | KeystoreError | None) -> None:
        self.pace = pace
        self.answers = list(answers)
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> KeyRing | None:
        self.reads += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, KeystoreError):
            raise answer
        return answer

    async def close(self) -> None:
        self.gate.set()


ONE, TWO = KeyRing([new_key(Algorithm.HS256, "one")]), KeyRing([new_key(Algorithm.HS256, "two")])
AWAY = KeystoreError(Fault.AWAY, "there", "is away")


def rings_of(source: Source, told: list[Refreshed] | None = None, clock: list[float] | None = None) -> KeyRings:
    at = clock or [0.0]
    return KeyRings({"main": source}, (told if told is not None else []).append, lambda: at[0])


async def test_a_source_that_is_away_at_the_start_may_come_later() -> None:
    source = Scripted(Pace(0.01, 30, is_fatal=False), AWAY, ONE)
    told: list[Refreshed] = []
    rings = rings_of(source, told)
    assert (await rings.open(100)).faults == {"main": AWAY}
    assert (ids(rings, "main"), rings.read_at("main"), rings.confirmed_at("main")) == ([], None, None)
    (job,) = [asyncio.create_task(job) for job in rings.keep_fresh()]
    async with asyncio.timeout(5):
        while not ids(rings, "main"):
            await asyncio.sleep(0.01)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await rings.close()
    assert told[0].changed == ("main",)


async def test_a_missed_key_is_asked_for_once_by_all_who_miss_it() -> None:
    clock = [0.0]
    source = Scripted(Pace(600, 30, is_fatal=False), ONE, TWO)
    rings = rings_of(source, clock=clock)
    await rings.open(100)
    assert not await rings.missed(["main"])  # it was asked a moment ago
    clock[0] = 30
    assert all(await asyncio.gather(*(rings.missed(["main"]) for _ in range(50))))
    assert (ids(rings, "main"), source.reads) == (["two"], 2)
    clock[0] = 59
    assert not any(await asyncio.gather(*(rings.missed(["main"]) for _ in range(50))))
    assert source.reads == 2
    clock[0] = 60
    assert not await rings.missed(["main"])  # asked, but nothing is new
    assert source.reads == 3


async def test_nobody_waits_long_for_a_slow_source() -> None:
    clock = [0.0]
    source = Scripted(Pace(600, 30, is_fatal=False), ONE, TWO)
    rings = rings_of(source, clock=clock)
    await rings.open(100)
    clock[0] = 100
    source.gate.clear()
    async with asyncio.timeout(1.5):
        assert not await rings.missed(["main"])
    source.gate.set()
    assert await rings.missed(["main"])  # it is still under way, and comes
    await rings.close()


async def test_what_is_under_way_ends_with_the_rings() -> None:
    clock = [0.0]
    source = Scripted(Pace(600, 30, is_fatal=False), ONE)
    rings = rings_of(source, clock=clock)
    await rings.open(100)
    clock[0] = 100
    source.gate.clear()
    waiting = asyncio.create_task(rings.missed(["main"]))
    await asyncio.sleep(0.01)
    await rings.close()
    assert not await waiting


async def test_a_file_is_not_asked_for_a_missed_key(paths: dict[str, Path]) -> None:
    rings = await opened(paths)
    await asyncio.to_thread(write, paths["main"], "c")
    assert not await rings.missed(["main", "other"])
    assert ids(rings, "main") == ["a"]
