"""Questions to the index. All block; each object belongs to one thread."""

from __future__ import annotations

import json
import sqlite3

from cache.disk.eviction import Queue
from cache.disk.rows import Queued, Row, Stats, unpack
from cache.disk.schema import Link

FILLING = 2  # beside the queues, in `total`

_BY_KEY = "SELECT id, version, key, head, length, tags, pieces, stored_at, boot FROM body WHERE key = ?"
_AFTER_ID = (
    "SELECT id, version, key, head, length, tags, pieces, stored_at, boot FROM body WHERE id > ? ORDER BY id LIMIT ?"
)


def read_row(fields: tuple[int, int, str, bytes, int | None, str, bytes, float, str]) -> Row:
    """The row of these columns."""
    body_id, version, key, head, length, tags, pieces, stored_at, boot = fields
    return Row(body_id, version, key, head, length, tuple(json.loads(tags)), unpack(pieces), stored_at, boot)


def find_row(connection: sqlite3.Connection, key: str) -> Row | None:
    """The visible body of `key`."""
    found = connection.execute(_BY_KEY, (key,)).fetchone()
    return None if found is None else read_row(found)


def read_stats(connection: sqlite3.Connection) -> Stats:
    """What the directory holds."""
    rows = connection.execute("SELECT queue, objects, size FROM total")
    totals = {queue: Queued(objects, size) for queue, objects, size in rows}
    return Stats(totals[Queue.SMALL], totals[Queue.MAIN], totals[FILLING])


class Index:
    """What the index says, as of its last commit; no writer of any process holds it up."""

    def __init__(self, link: Link) -> None:
        """Only the thread that made `link` may use this."""
        self._link = link

    def find(self, key: str) -> Row | None:
        """The visible body of `key`."""
        return find_row(self._link.connection(), key)

    def keys(self, prefix: str, most: int) -> list[str]:
        """The first `most` keys that begin with `prefix`, in order."""
        found = self._link.connection().execute(
            "SELECT key FROM body WHERE key >= ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT ?",
            (prefix, len(prefix), prefix, most),
        )
        return [key for (key,) in found]

    def after(self, body_id: int, most: int) -> list[Row]:
        """The `most` bodies that follow the one called `body_id`, in the order of their ids."""
        return [read_row(fields) for fields in self._link.connection().execute(_AFTER_ID, (body_id, most))]

    def unknown(self, body_ids: list[int]) -> list[int]:
        """Those ids that no body, no fill and nothing that is being removed has."""
        connection, unknown = self._link.connection(), []
        for body_id in body_ids:
            (is_known,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM body WHERE id = :id) OR EXISTS (SELECT 1 FROM fill WHERE id = :id)"
                " OR EXISTS (SELECT 1 FROM doomed WHERE id = :id)",
                {"id": body_id},
            ).fetchone()
            if not is_known:
                unknown.append(body_id)
        return unknown

    def swept_boot(self) -> str | None:
        """The boot of the machine during which files that nobody knows were last looked for."""
        found = self._link.connection().execute("SELECT value FROM meta WHERE name = 'swept'").fetchone()
        return None if found is None else str(found[0])

    def stats(self) -> Stats:
        """What the directory holds."""
        return read_stats(self._link.connection())
