"""The contract of a store. "Not there" is None; trouble is a `StoreError`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from origin.http.reply import Content


class StoreError(Exception):
    """A store could not answer. `reason` is a stable word for logs and metrics."""

    reason = "store_error"


class StoreUnavailable(StoreError):
    """The store is away, broken or too slow; the object may well exist."""

    reason = "store_unavailable"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Facts of one version of an object."""

    size: int  # bytes
    modified: float  # Unix seconds
    version: str  # differs whenever the bytes differ, as far as the backend can tell; goes into the ETag


class StoredObject(Content, Protocol):
    """One version of an object, open for reading."""

    @property
    def info(self) -> ObjectInfo:
        """Its facts, taken from the very bytes that will be read."""
        ...


class Reader(Protocol):
    """Where a mount's objects come from."""

    async def open(self, path: str) -> StoredObject | None:
        """Open the object at `path` (decoded, relative, no dot segments), or None when there is none to serve.

        Raises `StoreError` when the store cannot tell.
        """
        ...

    async def probe(self) -> None:
        """Raise `StoreError` when the store cannot serve at all (for readiness and `doctor`)."""
        ...

    async def close(self) -> None:
        """Give back everything that is held open."""
        ...
