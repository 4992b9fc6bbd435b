"""A ledger's memory that the workers of one machine share without Redis: a SQLite database in their directory.

Each call is one transaction, so that of two processes exactly one is the first, and a killed one leaves nothing half
done. Nothing waits for a disk: the database lives no longer than the workers' supervisor, and a crash of the machine
ends both. It fails closed like the one on Redis: what takes too long is `LedgerUnavailable`.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from auth.revocation import MAX_REVOCATIONS, Revocation, Revocations
from origin.ledger.memory_ledger import MOST_REMEMBERED
from origin.ledger.store import LedgerFull, LedgerUnavailable, Stream
from origin.ledger.turns import Lease, takes_turn
from origin.storage.blocking import BlockingCalls
from origin.storage.store import StoreUnavailable

_log = logging.getLogger(__name__)
T = TypeVar("T")

_SWEEP_EVERY = 1.0  # seconds between two looks for what may be forgotten, as each goes through all that has ended
_DECODER = msgspec.json.Decoder(Revocation)
_TABLES = """
CREATE TABLE IF NOT EXISTS use (name BLOB PRIMARY KEY, ends REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS use_ends ON use (ends);
CREATE TABLE IF NOT EXISTS lease (
    subject BLOB, session BLOB, began REAL NOT NULL, ends REAL NOT NULL, is_evicted INTEGER NOT NULL,
    PRIMARY KEY (subject, session)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lease_ends ON lease (ends);
CREATE TABLE IF NOT EXISTS revocation (id TEXT PRIMARY KEY, ends REAL NOT NULL, entry BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (version INTEGER NOT NULL, uses INTEGER NOT NULL, leases INTEGER NOT NULL);
INSERT INTO state SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM state);
CREATE TRIGGER IF NOT EXISTS use_in AFTER INSERT ON use BEGIN UPDATE state SET uses = uses + 1; END;
CREATE TRIGGER IF NOT EXISTS use_out AFTER DELETE ON use BEGIN UPDATE state SET uses = uses - 1; END;
CREATE TRIGGER IF NOT EXISTS lease_in AFTER INSERT ON lease BEGIN UPDATE state SET leases = leases + 1; END;
CREATE TRIGGER IF NOT EXISTS lease_out AFTER DELETE ON lease BEGIN UPDATE state SET leases = leases - 1; END;
"""


class WorkersLedger:
    """A `LedgerStore` of the processes that name the same file."""

    def __init__(
        self, path: Path, clock: Callable[[], float], *, budget_seconds: float = 1.0, most: int = MOST_REMEMBERED
    ) -> None:
        """The file's directory must be there. `clock` gives Unix seconds, the same ones to all.

        One call takes `budget_seconds` at most; `most` bounds the uses and the streams that are remembered. Nothing
        is opened yet.
        """
        self._path = path
        self._clock = clock
        self._budget_seconds = budget_seconds
        self._most = most
        self._calls = BlockingCalls("ledger", threads=1, timeout_seconds=budget_seconds)
        self._connection: sqlite3.Connection | None = None
        self._swept_at = -math.inf
        self._version, self._known = -1, Revocations()  # of what `revocations` gave last, and that

    async def first_use(self, mount: str, token_id: str, seconds: float) -> bool:
        """See `LedgerStore`. `LedgerUnavailable` when there is no room."""
        return await self._run(lambda: self._first_use(_hash(mount, token_id), seconds))

    async def lease(self, stream: Stream) -> bool:
        """See `LedgerStore`. `LedgerUnavailable` when there is no room."""
        return await self._run(lambda: self._lease(stream))

    async def revoke(self, revocation: Revocation) -> None:
        """See `LedgerStore`."""
        await self._run(lambda: self._revoke(revocation))

    async def lift(self, revocation_id: str) -> bool:
        """See `LedgerStore`."""
        return await self._run(lambda: self._lift(revocation_id))

    async def revocations(self, known: Revocations) -> Revocations:
        """See `LedgerStore`."""
        del known
        return await self._run(self._load)

    async def change(self, seconds: float) -> None:
        """See `LedgerStore`. Others' changes are found by looking."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """See `LedgerStore`."""
        with suppress(StoreUnavailable):
            await self._calls.run(self._shut)
        self._calls.close()

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._calls.run(call)
        except StoreUnavailable:
            raise LedgerUnavailable("the workers' ledger does not answer in time") from None
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(f"the workers' ledger cannot be used: {type(error).__name__}") from None

    def _first_use(self, name: bytes, seconds: float) -> bool:
        now = self._clock()
        with self._changing() as database:
            if database.execute("SELECT 1 FROM use WHERE name = ? AND ends > ?", (name, now)).fetchone():
                return False
            self._make_room(database, "uses", now)
            database.execute("INSERT OR REPLACE INTO use (name, ends) VALUES (?, ?)", (name, now + seconds))
            return True

    def _lease(self, stream: Stream) -> bool:
        now, subject, session = self._clock(), _hash(stream.mount, stream.subject), _hash(stream.session)
        with self._changing() as database:
            database.execute("DELETE FROM lease WHERE subject = ? AND ends <= ?", (subject, now))
            rows = database.execute(
                "SELECT session, began, ends, is_evicted FROM lease WHERE subject = ?", (subject,)
            ).fetchall()
            leases = {name.hex(): Lease(began, ends, bool(is_evicted)) for name, began, ends, is_evicted in rows}
            if session.hex() not in leases:
                self._make_room(database, "leases", now)
            goes_on = takes_turn(leases, replace(stream, session=session.hex()), now)
            database.executemany(
                "INSERT INTO lease VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET ends = excluded.ends, is_evicted = excluded.is_evicted",
                [(subject, bytes.fromhex(name), one.began, one.ends, one.is_evicted) for name, one in leases.items()],
            )
            return goes_on

    def _revoke(self, revocation: Revocation) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM revocation WHERE ends <= ?", (self._clock(),))
            database.execute(
                "INSERT OR REPLACE INTO revocation (id, ends, entry) VALUES (?, ?, ?)",
                (revocation.id, revocation.ends, msgspec.json.encode(revocation)),
            )
            (count,) = database.execute("SELECT count(*) FROM revocation").fetchone()
            if count > MAX_REVOCATIONS:
                raise LedgerFull(f"at most {MAX_REVOCATIONS} revocations are kept")
            database.execute("UPDATE state SET version = version + 1")

    def _lift(self, revocation_id: str) -> bool:
        with self._changing() as database:
            gone = database.execute("DELETE FROM revocation WHERE id = ?", (revocation_id,)).rowcount
            database.execute("UPDATE state SET version = version + 1")
            return gone > 0

    def _load(self) -> Revocations:
        with self._reading() as database:
            (version,) = database.execute("SELECT version FROM state").fetchone()
            if version != self._version:
                self._known = _unpacked(entry for (entry,) in database.execute("SELECT entry FROM revocation"))
                self._version = version
        self._known = self._known.in_force(self._clock())
        return self._known

    def _make_room(self, database: sqlite3.Connection, what: str, now: float) -> None:
        """`LedgerUnavailable` when there is none: forgetting what still counts would let it in twice."""
        if self._count(database, what) >= self._most and abs(now - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = now
            database.execute("DELETE FROM use WHERE ends <= ?", (now,))
            database.execute("DELETE FROM lease WHERE ends <= ?", (now,))
        if self._count(database, what) >= self._most:
            raise LedgerUnavailable(f"no more {what} can be remembered")

    def _count(self, database: sqlite3.Connection, what: str) -> int:
        uses, leases = database.execute("SELECT uses, leases FROM state").fetchone()
        return int(uses if what == "uses" else leases)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else's overlaps; undone by whatever is raised inside."""
        yield from self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        yield from self._transaction("BEGIN")

    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if self._connection is None:
            self._connection = self._open()
        self._connection.execute(begin)
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        # One at a time: several that make a database at once get in each other's way, and are not asked to wait.
        with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = sqlite3.connect(
                self._path, timeout=self._budget_seconds, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE counts as a DELETE too
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        return connection


def _unpacked(packed: Iterable[bytes]) -> Revocations:
    """What makes no sense must not keep others out: a newer release may write kinds that this one does not know."""
    entries, unreadable = [], 0
    for each in packed:
        try:
            entries.append(_DECODER.decode(each))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            unreadable += 1
    if unreadable:
        _log.error("%d revocations of other workers cannot be understood and are not in force", unreadable)
    return Revocations(entries)


def _hash(*words: str) -> bytes:
    """A bounded name for what may be long or secret; words stay apart."""
    return hashlib.sha256(b"\0".join(word.encode("utf-8", "surrogatepass") for word in words)).digest()
