"""A body's file: one descriptor for all who use it, writes that keep checksums, and verification."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from cache.disk.rows import Piece, Pieces

# RWF_NOWAIT: read what the page cache has, never wait for a disk. Linux only.
_NOWAIT = getattr(os, "RWF_NOWAIT", None)
_CANNOT_ALLOCATE = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}  # not every file system can
_BODIES = "bodies"


def body_path(directory: Path, body_id: int) -> Path:
    """Where the bytes of a body lie."""
    return directory / _BODIES / f"{body_id % 256:02x}" / f"{body_id:x}"


def shard_path(directory: Path, shard: int) -> Path:
    """One of the 256 folders in which bodies lie."""
    return directory / _BODIES / f"{shard:02x}"


class BodyFile:
    """An open file with holders; the last one to let go closes it. Any thread may hold and let go."""

    __slots__ = ("_close", "_holders", "_lock", "body_id", "descriptor")

    def __init__(self, body_id: int, descriptor: int, close: Callable[[int], None] = os.close) -> None:
        """Takes the descriptor over, and gives it to `close` in the end; whoever makes it is its first holder."""
        self.body_id = body_id
        self.descriptor = descriptor
        self._close = close
        self._holders = 1
        self._lock = threading.Lock()

    def hold(self) -> None:
        """One holder more."""
        with self._lock:
            self._holders += 1

    def let_go(self) -> None:
        """One holder less."""
        with self._lock:
            self._holders -= 1
            is_last = self._holders == 0
        if is_last:
            self._close(self.descriptor)

    def read_now(self, start: int, length: int) -> bytes | None:
        """What is in memory of `length` bytes from `start`, without waiting; None when nothing is."""
        if _NOWAIT is None:
            return None
        buffer = bytearray(length)
        try:
            count = os.preadv(self.descriptor, [buffer], start, _NOWAIT)
        except OSError:  # not in memory (EAGAIN), or a file system without RWF_NOWAIT
            return None
        return bytes(memoryview(buffer)[:count]) if count else None

    def read(self, start: int, length: int) -> bytes:
        """`length` bytes from `start`, fewer where the file ends. Blocks; OSError."""
        parts, at = [], start
        while at < start + length and (data := os.pread(self.descriptor, start + length - at, at)):
            parts.append(data)
            at += len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def create_body(directory: Path, body_id: int, close: Callable[[int], None]) -> BodyFile:
    """The empty file of a new body. Blocks; OSError."""
    path = body_path(directory, body_id)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    return BodyFile(body_id, descriptor, close)


def open_body(directory: Path, body_id: int, close: Callable[[int], None]) -> BodyFile | None:
    """The file of a body; None when it is not there. Blocks; OSError."""
    try:
        descriptor = os.open(body_path(directory, body_id), os.O_RDWR)
    except FileNotFoundError:
        return None
    return BodyFile(body_id, descriptor, close)


def remove_body(directory: Path, body_id: int) -> bool:
    """Remove the file of a body; whoever has it open may go on reading. Whether it is gone. Blocks."""
    try:
        body_path(directory, body_id).unlink(missing_ok=True)
    except OSError:
        return False
    return True


def taken(directory: Path, body_id: int) -> int:
    """How many bytes of the disk the file of a body takes now. Blocks."""
    try:
        return body_path(directory, body_id).stat().st_blocks * 512
    except OSError:
        return 0


def intact(file: BodyFile, pieces: Pieces) -> Pieces:
    """Those pieces whose bytes are what was written. Blocks."""
    return tuple(piece for piece in pieces if _is_intact(file, piece))


def _is_intact(file: BodyFile, piece: Piece) -> bool:
    try:
        data = file.read(piece.start, piece.stop - piece.start)
    except OSError:
        return False
    return len(data) == piece.stop - piece.start and zlib.crc32(data) == piece.checksum


class BodyWriter:
    """Writes into a body's file and knows what it wrote, in pieces of at most a block."""

    def __init__(self, file: BodyFile, block_bytes: int) -> None:
        """The file stays its caller's."""
        self._file = file
        self._block_bytes = block_bytes
        self._lock = threading.Lock()
        self._pieces: list[Piece] = []

    def allocate(self, start: int, length: int) -> None:
        """Take the room that `length` bytes from `start` will need; OSError when it is not there. Blocks."""
        try:
            os.posix_fallocate(self._file.descriptor, start, length)
        except OSError as error:
            if error.errno not in _CANNOT_ALLOCATE:
                raise

    def write(self, start: int, data: bytes) -> bool:
        """Whether `data` was written from `start` on. Blocks."""
        with self._lock:
            try:
                self._write(start, data)
            except OSError:  # no space, a quota, a limit on file sizes, a broken disk
                return False
            self._note(start, data)
            return True

    def pieces(self) -> Pieces:
        """What was written so far."""
        with self._lock:
            return tuple(self._pieces)

    def _write(self, start: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = os.pwrite(self._file.descriptor, view, start)
            view, start = view[count:], start + count

    def _note(self, start: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            part = view[: self._block_bytes - start % self._block_bytes]
            checksum, first = 0, start
            if start % self._block_bytes and self._pieces and self._pieces[-1].stop == start:
                first, _, checksum = self._pieces.pop()
            self._pieces.append(Piece(first, start + len(part), zlib.crc32(part, checksum)))
            view, start = view[len(part) :], start + len(part)
