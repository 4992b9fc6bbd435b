"""Objects that are bytes in memory, for tests and demos."""

from __future__ import annotations

from hashlib import blake2b

from origin.http.spans import ByteSpan
from origin.storage.store import ObjectChanged, ObjectInfo, StoredObject, is_object_path


class MemoryStore:
    """A `Reader` over a dictionary. What was opened stays as it was, whatever is put or deleted."""

    def __init__(self) -> None:
        """An empty store."""
        self._versions: dict[str, tuple[bytes, ObjectInfo]] = {}

    def put(self, path: str, data: bytes, *, modified: float = 0.0) -> None:
        """Make `data` the object at `path`, `modified` in Unix seconds; ValueError for an impossible path."""
        if not is_object_path(path):
            raise ValueError("no object can have this path")
        version = blake2b(data, digest_size=16).hexdigest()
        self._versions[path] = (data, ObjectInfo(len(data), modified, version, etag_source=version))

    def delete(self, path: str) -> None:
        """Remove the object at `path` if there is one."""
        self._versions.pop(path, None)

    async def open(self, path: str) -> StoredObject | None:
        """Open the object at `path`, or None."""
        found = self._versions.get(path)
        return None if found is None else _OpenBytes(*found)

    async def probe(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        """Nothing is held open."""


class _OpenBytes:
    """Bytes as a `StoredObject`."""

    __slots__ = ("_data", "_info", "_is_released")

    def __init__(self, data: bytes, info: ObjectInfo) -> None:
        self._data = data
        self._info = info
        self._is_released = False

    @property
    def info(self) -> ObjectInfo:
        self._check_held()
        return self._info

    @property
    def size(self) -> int:
        return self.info.size

    def fileno(self) -> None:
        self._check_held()

    def is_unchanged(self) -> bool:
        self._check_held()
        return True

    async def read(self, span: ByteSpan) -> bytes:
        self._check_held()
        if span.stop > len(self._data):
            raise ObjectChanged("the span ends behind the object")
        return self._data[span.start : span.stop]

    def release(self) -> None:
        self._is_released = True

    def _check_held(self) -> None:
        if self._is_released:
            raise ValueError("the object was released")
