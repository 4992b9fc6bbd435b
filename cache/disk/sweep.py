"""What processes that died, and crashes of the machine, leave behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cache.disk.body import remove_body, shard_path, taken
from cache.disk.engine import Engine

SHARDS = 256


async def sweep(engine: Engine) -> int:
    """Remove the fills of dead processes, and files that a crash of the machine cut off from the index; how many.

    The latter are looked for once after each start of the machine: as long as it runs, the index forgets no file.
    """
    swept = await _sweep_fills(engine)
    swept += await engine.change(lambda changes: changes.remove_doomed(), 0)
    if await engine.ask(lambda index: index.swept_boot(), None) != engine.place.boot:
        for shard in range(SHARDS):
            swept += await _sweep_shard(engine, shard)
        await engine.change(lambda changes: changes.note_swept(), None)
    return swept


async def _sweep_fills(engine: Engine) -> int:
    found = await engine.change(lambda changes: changes.foreign_fills(), ())
    names = {owner for _, _, owner in found}
    dead = {name for name in names if not await engine.files.run(partial(engine.owner.is_alive, name))}
    for fill_id, body_id, owner in found:
        if owner in dead:
            await abandon(engine, fill_id, body_id)
    await engine.files.run(engine.owner.forget_dead)
    return sum(owner in dead for _, _, owner in found)


async def abandon(engine: Engine, fill_id: int, body_id: int | None) -> None:
    """Forget a fill of a new body or of more of the one called `body_id`, and what it wrote."""
    size = 0 if body_id is None else await engine.files.run(partial(taken, engine.place.directory, body_id))
    await engine.change(lambda changes: changes.abandon(fill_id, body_id, size), None)


async def _sweep_shard(engine: Engine, shard: int) -> int:
    # Listed first: the row of a file is there before the file.
    listed = await engine.files.run(partial(_body_ids, shard_path(engine.place.directory, shard)))
    unknown = await engine.ask(lambda index: index.unknown(listed), ())
    for body_id in unknown:
        await engine.files.run(partial(remove_body, engine.place.directory, body_id))
    return len(unknown)


def _body_ids(folder: Path) -> list[int]:
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return [int(name, 16) for name in names if set(name) <= set("0123456789abcdef")]
