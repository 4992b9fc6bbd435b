"""A key ring in a file: a private JWK Set (RFC 7517 §5) that only its owner may read."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from auth.errors import Misuse
from auth.jwk import MAX_SET_BYTES, private_jwk, ring_from_jwks
from auth.keys import Key, KeyRing
from auth.strict_json import dumps
from origin.keystore.fault import Fault, KeystoreError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class FileVersion:
    """What tells one version of a file from the next, as far as the file system knows."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def read_ring(path: Path, *, allow_shared: bool = False) -> tuple[KeyRing, FileVersion]:
    """The ring of a key file and the version that was read. KeystoreError when it cannot be used whole.

    A file that its group or others may touch is refused, unless the operator means it (`allow_shared`).
    """
    data, version = read_private(path, MAX_SET_BYTES, allow_shared=allow_shared)
    try:
        return ring_from_jwks(data), version
    except Misuse as error:
        raise KeystoreError(Fault.INVALID, path, str(error)) from None


def file_version(path: Path) -> FileVersion | None:
    """The version that lies there now, or None when that cannot be told."""
    try:
        return _version(path.stat())
    except OSError:
        return None


def write_ring(path: Path, ring: KeyRing) -> None:
    """Replace a key file as a whole, readable by its owner alone, safe on disk before it gets its name."""
    data = dumps({"keys": [private_jwk(key) for key in ring.keys]}) + b"\n"
    try:
        _replace(path, data)
    except OSError as error:
        raise KeystoreError(Fault.UNWRITABLE, path, f"cannot be written ({error.strerror})") from None


def add_key(path: Path, key: Key) -> KeyRing:
    """Put `key` behind the keys of a key file, which is made when it does not exist; gives the ring it now holds.

    Raises `KeystoreError`, and `Misuse` when the file has a key with that id.
    """
    return change_ring(path, lambda ring: KeyRing((*ring.keys, key)), may_be_new=True)


def change_ring(path: Path, change: Callable[[KeyRing], KeyRing], *, may_be_new: bool = False) -> KeyRing:
    """Replace the ring of a key file by what `change` makes of it; gives the ring it now holds.

    Processes that change a file at once wait for each other, so none loses a key (NFS has no such locks). A file that
    does not exist is a `KeystoreError`, or an empty ring when it `may_be_new`. What `change` raises leaves the file be.
    """
    with _locked(path):
        try:
            old = read_ring(path)[0]
        except KeystoreError as error:
            if error.fault is not Fault.MISSING or not may_be_new:
                raise
            old = KeyRing()
        ring = change(old)
        write_ring(path, ring)
    return ring


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with a key file. Its directory is locked, for the file itself is replaced under the lock."""
    try:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeystoreError(Fault.UNWRITABLE, path, f"cannot be written ({error.strerror})") from None
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_private(path: Path, max_bytes: int, *, allow_shared: bool = False) -> tuple[bytes, FileVersion]:
    """What a file of secrets holds and the version that was read.

    KeystoreError when it cannot be read, is larger than `max_bytes`, or may be touched by others, as for `read_ring`.
    """
    try:
        # Opening a pipe or a device by mistake must not wait; both are refused below.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            _check(path, facts, allow_shared=allow_shared)
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise KeystoreError(Fault.MISSING, path, "does not exist") from None
    except OSError as error:
        raise KeystoreError(Fault.UNREADABLE, path, f"cannot be read ({error.strerror})") from None
    if len(data) > max_bytes:
        raise KeystoreError(Fault.TOO_LARGE, path, f"is larger than {max_bytes} bytes")
    return data, _version(facts)


def _check(path: Path, facts: os.stat_result, *, allow_shared: bool) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise KeystoreError(Fault.UNREADABLE, path, "is not a regular file")
    if facts.st_mode & _OTHERS and not allow_shared:
        mode = stat.S_IMODE(facts.st_mode)
        raise KeystoreError(Fault.EXPOSED, path, f"is open to others (mode {mode:04o}); set it to 0600")


def _version(facts: os.stat_result) -> FileVersion:
    return FileVersion(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    """The new name survives a power cut only when its directory has been written too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
