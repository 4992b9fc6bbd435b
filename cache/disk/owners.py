"""Which processes that share a directory are alive: each holds a lock for as long as it lives."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from cache.disk.schema import locked

_OWNERS = "owners"


class Owner:
    """This process among those that share the directory. All methods block."""

    def __init__(self, directory: Path) -> None:
        """Tell the others that this process lives."""
        self.name = secrets.token_hex(8)
        self._directory = directory
        self._path = directory / _OWNERS / self.name
        with locked(directory):
            self._path.parent.mkdir(exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def leave(self) -> None:
        """This process has nothing more to do with the directory."""
        with locked(self._directory):
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def is_alive(self, name: str) -> bool:
        """Whether the owner called `name` lives."""
        try:
            descriptor = os.open(self._directory / _OWNERS / name, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def forget_dead(self) -> None:
        """Remove the files of owners that live no more."""
        with locked(self._directory):
            for path in (self._directory / _OWNERS).iterdir():
                if path != self._path and not self.is_alive(path.name):
                    path.unlink(missing_ok=True)
