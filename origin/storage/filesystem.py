"""Objects that are files below a directory.

A file is opened once and judged by its descriptor alone, so nothing can change between the judgement and the
reading:

* Only regular files. `O_NONBLOCK` lets FIFOs and devices open (or fail) without waiting, so that they can be
  refused.
* Only files that lie below the root. Links are followed, then the kernel is asked where the opened file
  really is (/proc/self/fd). Without /proc no link is followed at all: each directory is opened from the one
  above it.
* The root is opened anew each time: a mount that comes or goes, or a release that is switched by renaming a
  link, is seen at once, and a root that is away is an error rather than a site full of 404s.

How the system's errors are told: no such name, or nothing that could be a file → None; no permission, no
descriptors left, input/output errors and all others → `StoreUnavailable`.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from pathlib import Path

from origin.http.spans import ByteSpan
from origin.storage.blocking import BlockingCalls
from origin.storage.filehandle import FileHandle
from origin.storage.store import ObjectChanged, ObjectInfo, StoredObject, StoreUnavailable, is_object_path

_PROC = Path("/proc/self/fd")
# O_PATH needs no permission to list; where it is missing, reading the directory must be allowed.
_DIRECTORY_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

# ENXIO and ENODEV: a socket, a device without a driver. EILSEQ: a name that this file system cannot have.
_ABSENT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.ENXIO,
        errno.ENODEV,
        errno.EILSEQ,
    }
)


class FilesystemStore:
    """A `Reader` over the files below one directory."""

    def __init__(
        self, root: Path, *, follow_links: bool = True, threads: int = 8, timeout_seconds: float = 10.0
    ) -> None:
        """Touches nothing yet. With `follow_links` off a symbolic link is as good as no file."""
        self._root = root
        self._follows_links = follow_links and _PROC.is_dir()
        self._blocking = BlockingCalls("storage", threads=threads, timeout_seconds=timeout_seconds)

    async def open(self, path: str) -> StoredObject | None:
        """Open the file at `path`, or None when there is none below the root."""
        if not is_object_path(path):
            return None
        try:
            return await self._blocking.run(partial(self._open, path), give_back=_release)
        except OSError as error:
            raise _unavailable(error) from error

    async def probe(self) -> None:
        """Raise `StoreUnavailable` unless the root is a directory that may be searched."""
        try:
            await self._blocking.run(self._stat_root)
        except OSError as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Take no more calls. What is still open can be released but no longer read; idempotent."""
        self._blocking.close()

    def _open(self, path: str) -> _OpenFile | None:
        root = os.open(self._root, _DIRECTORY_FLAGS)
        try:
            return self._open_below(root, path)
        except UnicodeEncodeError:  # no file can have this name
            return None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        finally:
            os.close(root)

    def _open_below(self, root: int, path: str) -> _OpenFile | None:
        open_file = _open_with_links if self._follows_links else _open_without_links
        descriptor = open_file(root, path)
        opened = None
        try:
            found = os.fstat(descriptor)
            is_below = not self._follows_links or _lies_below(root, descriptor)
            if is_below and stat.S_ISREG(found.st_mode):
                opened = _OpenFile(FileHandle(descriptor), found, self._blocking)
        finally:
            if opened is None:
                os.close(descriptor)
        return opened

    def _stat_root(self) -> None:
        root = os.open(self._root, _DIRECTORY_FLAGS)
        try:
            os.stat(".", dir_fd=root)
        finally:
            os.close(root)


class _OpenFile:
    """A regular file as a `StoredObject`."""

    __slots__ = ("_blocking", "_found", "_handle", "_info")

    def __init__(self, handle: FileHandle, found: os.stat_result, blocking: BlockingCalls) -> None:
        self._handle = handle
        self._found = found
        self._blocking = blocking
        self._info = ObjectInfo(
            size=found.st_size,
            modified=found.st_mtime,
            version=f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}",
            etag_source=f"{found.st_size:x}-{found.st_mtime_ns:x}",  # copied along by whatever keeps modification times
        )

    @property
    def info(self) -> ObjectInfo:
        self._handle.fileno()  # none after release
        return self._info

    @property
    def size(self) -> int:
        return self.info.size

    def fileno(self) -> int:
        return self._handle.fileno()

    def is_unchanged(self) -> bool:
        """One fstat: does not touch the disk on a local file system."""
        return self._is_same_version(self._handle.fileno())

    async def read(self, span: ByteSpan) -> bytes:
        if span.stop > self.size:
            raise ObjectChanged("the span ends behind the object")
        try:
            return await self._blocking.run(partial(self._read, span))
        except OSError as error:
            raise _unavailable(error) from error

    def release(self) -> None:
        self._handle.close()

    def _read(self, span: ByteSpan) -> bytes:
        with self._handle.in_use() as descriptor:
            data = pread(descriptor, span)
            if len(data) != span.length or not self._is_same_version(descriptor):
                raise ObjectChanged("the file was changed while it was read")
            return data

    def _is_same_version(self, descriptor: int) -> bool:
        try:
            return _is_same_version(self._found, os.fstat(descriptor))
        except OSError:
            return False


def _is_same_version(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether one file's bytes are still the same.

    Giving the file another name, or taking one away as a replacement by rename does, moves ctime too: with
    another number of links ctime says nothing about the bytes.
    """
    is_same_data = now.st_mtime_ns == before.st_mtime_ns and now.st_size == before.st_size
    return is_same_data and (now.st_ctime_ns == before.st_ctime_ns or now.st_nlink != before.st_nlink)


def _lies_below(root: int, descriptor: int) -> bool:
    where = (_PROC / str(descriptor)).readlink()
    return where.is_relative_to((_PROC / str(root)).readlink())


def _open_with_links(root: int, path: str) -> int:
    return os.open(path, _FILE_FLAGS, dir_fd=root)


def _open_without_links(root: int, path: str) -> int:
    *directories, name = path.split("/")
    here = os.dup(root)
    try:
        for directory in directories:
            above, here = here, os.open(directory, _DIRECTORY_FLAGS | os.O_NOFOLLOW, dir_fd=here)
            os.close(above)
        return os.open(name, _FILE_FLAGS | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)


def pread(descriptor: int, span: ByteSpan) -> bytes:
    """The bytes of `span`, fewer at the end of the file: the system may give less than was asked for."""
    data = os.pread(descriptor, span.length, span.start)
    while data and len(data) < span.length:
        more = os.pread(descriptor, span.length - len(data), span.start + len(data))
        if not more:
            break
        data += more
    return data


def _release(found: _OpenFile | None) -> None:
    if found is not None:
        found.release()


def _unavailable(error: OSError) -> StoreUnavailable:
    """The system's word for it, without the path."""
    return StoreUnavailable(os.strerror(error.errno) if error.errno else type(error).__name__)
