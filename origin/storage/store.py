"""The contract of a store. "Not there" is None; trouble is a `StoreError`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from origin.http.reply import Content


class StoreError(Exception):
    """A store could not answer. `reason` is a stable word for logs and metrics."""

    reason = "store_error"


class StoreUnavailable(StoreError):  # noqa: N818  # the words read as the fault they are
    """The store is away, broken or too slow; the object may well exist."""

    reason = "store_unavailable"


class ObjectChanged(StoreError):  # noqa: N818
    """The object is no longer the version that was opened, or shorter than the span that was asked for."""

    reason = "object_changed"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Facts of one version of an object."""

    size: int  # bytes
    modified: float  # Unix seconds
    version: str  # differs whenever the bytes differ, as far as the backend can tell; means nothing elsewhere
    # What the ETag is made of: also the same on every machine that holds a copy, so that a player may go on with a
    # range at another node behind the same name.
    etag_source: str


class StoredObject(Content, Protocol):
    """One version of an object, open for reading.

    `read` raises `ObjectChanged` rather than give short or mixed bytes, and another `StoreError` when the
    store fails. After `release` every method but `release` raises ValueError.
    """

    @property
    def info(self) -> ObjectInfo:
        """Its facts, taken from the very bytes that will be read."""
        ...


class Reader(Protocol):
    """Where a mount's objects come from."""

    async def open(self, path: str) -> StoredObject | None:
        """Open the object at `path` (decoded, relative, no dot segments), or None when there is none.

        Raises `StoreError` when the store cannot tell.
        """
        ...

    async def probe(self) -> None:
        """Raise `StoreError` when the store cannot serve at all (for readiness and `doctor`)."""
        ...

    async def close(self) -> None:
        """Give back everything that is held open."""
        ...


def is_object_path(path: str) -> bool:
    """Whether an object can have this name: relative, no empty or dot segments, no NUL.

    Names from requests have passed a stricter test long before; stores check again, whoever asks.
    """
    return "\0" not in path and not {"", ".", ".."}.intersection(path.split("/"))
