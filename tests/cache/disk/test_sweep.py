from __future__ import annotations

import asyncio
from pathlib import Path

from cache.disk.body import body_path, create_body
from cache.disk.engine import Engine
from cache.disk.rows import Row
from cache.disk.sweep import abandon, sweep
from tests.cache.disk.changing import add, writing
from tests.cache.disk.stores import LIMITS, DiskTally, files_in
from tests.clock import Clock


def leave_things(directory: Path) -> int:
    """What a dead process leaves: a visible body, two fills, a file that should go; the body's id."""
    with writing(directory, owner="dead") as changes:
        body = add(changes, directory, "a")
        new = changes.reserve(1)
        assert new
        create_body(directory, new, lambda _: None)
        assert changes.reserve(1, body.body_id)
        add(changes, directory, "b")
        db = changes._link.connection()
        db.execute("INSERT INTO doomed SELECT id FROM body WHERE key = 'b'")
        db.execute("DELETE FROM body WHERE key = 'b'")
    return body.body_id


def leave_body(directory: Path) -> Row:
    """One visible body."""
    with writing(directory) as changes:
        return add(changes, directory, "a")


async def test_what_the_dead_left_is_removed(tmp_path: Path, clock: Clock) -> None:
    engine = Engine(tmp_path, LIMITS, clock, DiskTally())
    await engine.open()
    body_id = await asyncio.to_thread(leave_things, tmp_path)
    assert len(files_in(tmp_path)) == 3
    assert await sweep(engine) == 3
    assert files_in(tmp_path) == [body_path(tmp_path, body_id).name]
    stats = await engine.ask(lambda index: index.stats(), None)
    assert stats is not None
    assert (stats.objects, stats.filling.objects) == (1, 0)
    assert await sweep(engine) == 0
    await engine.close()


async def test_the_fills_of_the_living_stay(tmp_path: Path, clock: Clock) -> None:
    engine, other = (Engine(tmp_path, LIMITS, clock, DiskTally()) for _ in range(2))
    await engine.open()
    await other.open()
    assert await other.change(lambda changes: changes.reserve(1), None)
    assert await sweep(engine) == 0
    stats = await engine.ask(lambda index: index.stats(), None)
    assert stats is not None
    assert stats.filling.objects == 1
    await other.close()
    assert await sweep(engine) == 1
    await engine.close()


async def test_files_that_nobody_knows_are_looked_for_once_after_each_start(tmp_path: Path, clock: Clock) -> None:
    engine = Engine(tmp_path, LIMITS, clock, DiskTally())
    await engine.open()
    await asyncio.to_thread(leave_body, tmp_path)
    known = files_in(tmp_path)
    body_path(tmp_path, 5).parent.mkdir()
    for strange in (body_path(tmp_path, 5), body_path(tmp_path, 5).with_suffix(".tmp")):
        strange.touch()
    assert await sweep(engine) == 1
    assert files_in(tmp_path) == sorted([*known, "5.tmp"])
    body_path(tmp_path, 5).touch()
    assert await sweep(engine) == 0
    await engine.close()


async def test_what_was_written_for_nothing_is_charged(tmp_path: Path, clock: Clock) -> None:
    engine = Engine(tmp_path, LIMITS, clock, DiskTally())
    await engine.open()
    body = await asyncio.to_thread(leave_body, tmp_path)
    fill_id = await engine.change(lambda changes: changes.reserve(1, body.body_id), None)
    assert fill_id
    with body_path(tmp_path, body.body_id).open("r+b") as file:
        file.seek(100_000)
        file.write(bytes(20_000))
    await abandon(engine, fill_id, body.body_id)
    stats = await engine.ask(lambda index: index.stats(), None)
    assert stats is not None
    assert stats.size_bytes >= 20_000
    await engine.close()
