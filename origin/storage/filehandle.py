"""A file descriptor that may be given up while threads still use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class FileHandle:
    """An open descriptor, closed once: after `close` and the last use.

    A read whose caller was cancelled goes on in its thread. Were the descriptor closed under it, its number
    could already be another file's.
    """

    __slots__ = ("_descriptor", "_is_closed", "_lock", "_uses")

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._uses = 0
        self._is_closed = False

    def fileno(self) -> int:
        """The descriptor; ValueError after `close`."""
        if self._is_closed:
            raise ValueError("the object was released")
        return self._descriptor

    @contextmanager
    def in_use(self) -> Iterator[int]:
        """The descriptor, sure to stay open within the block; ValueError after `close`."""
        with self._lock:
            descriptor = self.fileno()
            self._uses += 1
        try:
            yield descriptor
        finally:
            with self._lock:
                self._uses -= 1
                is_last = self._is_closed and self._uses == 0
            if is_last:
                os.close(descriptor)

    def close(self) -> None:
        """Allow no more uses; idempotent."""
        with self._lock:
            is_last = not self._is_closed and self._uses == 0
            self._is_closed = True
        if is_last:
            os.close(self._descriptor)
