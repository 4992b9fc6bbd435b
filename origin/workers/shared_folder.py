"""A folder for what is large, which workers share and the last of them takes away.

It is not in their own directory, which may lie in memory, but where temporary files do; a link there says where. Who
uses it holds a shared lock on a file in it, which goes with the process, so that the last to leave knows that it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from origin.workers.place import WorkerPlace


class SharedFolder:
    """One worker's use of it. Its methods block, and raise OSError."""

    def __init__(self, place: WorkerPlace, name: str) -> None:
        """`name` tells this folder of the workers from others."""
        self._link = place.directory / name
        with self._changing():
            if not self._link.is_dir():
                self._link.unlink(missing_ok=True)
                self._link.symlink_to(tempfile.mkdtemp(prefix="headgate-"))
            self._folder = self._link.readlink()
            self._users = os.open(self._folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._users, fcntl.LOCK_SH)
        self.path = self._folder / name
        self.path.mkdir(0o700, exist_ok=True)

    def leave(self) -> None:
        """Use it no more. Whoever is the last takes it away, with everything in it."""
        with self._changing():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # others use it
                return
            finally:
                os.close(self._users)
            self._link.unlink(missing_ok=True)
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Nobody comes or goes meanwhile. What is done inside takes a moment, and the folder's end its time."""
        with Path(f"{self._link}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
