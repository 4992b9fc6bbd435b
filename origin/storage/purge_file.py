"""The file in which a machine's processes keep the purges that are in force: never half written, never lost."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from origin.storage.blocking import BlockingCalls
from origin.storage.store import StoreUnavailable

_LARGEST = 64 * 2**20  # bytes; what is larger is nothing of ours
T = TypeVar("T")
_Stamp = tuple[int, int, int]


class PurgeFileOnDisk:
    """A `cache.fleet.purging.PurgeFile`.

    Beside it lies `<name>.lock`, which is empty and stays: who rewrites the file holds it. Works in a thread of its
    own; a disk that hangs makes purges slow and nothing else.
    """

    def __init__(self, path: Path, *, timeout_seconds: float = 5.0) -> None:
        """The file need not be there, its directory must."""
        self._path = path
        self._calls = BlockingCalls("purges", threads=1, timeout_seconds=timeout_seconds)
        self._last: _Stamp | None = None

    async def read(self) -> bytes | None:
        """See `PurgeFile`."""
        return await self._run(self._read)

    async def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """See `PurgeFile`. `change` runs in another thread."""
        await self._run(lambda: self._rewrite(change))

    def close(self) -> None:
        """Take no more calls; idempotent."""
        self._calls.close()

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._calls.run(call)
        except StoreUnavailable as error:
            raise TimeoutError(errno.ETIMEDOUT, str(error)) from None

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                if stamp == self._last:
                    return None
                data = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return None
        self._last = stamp
        return data if len(data) <= _LARGEST else b""

    def _rewrite(self, change: Callable[[bytes], bytes]) -> None:
        with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = b""
            with suppress(FileNotFoundError):
                before = self._path.read_bytes()[: _LARGEST + 1]
            after = change(before if len(before) <= _LARGEST else b"")
            if after != before:
                self._replace(after)
            with suppress(FileNotFoundError):
                self._last = _stamp(self._path.stat())

    def _replace(self, data: bytes) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")  # one at a time, by the lock
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_ino, found.st_mtime_ns, found.st_size
