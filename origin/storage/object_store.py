"""Objects in a bucket: Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.

An object is opened by asking for its header block, and read by ranges on condition that it still is that version. So
what was opened cannot be read on once it is replaced: that is `ObjectChanged`, never a mix. What a bucket keeps as
older versions is not used, because reading those takes a right of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from origin.http.spans import ByteSpan
from origin.storage.bucket_client import BucketBody, BucketClient, BucketError, Failure
from origin.storage.store import ObjectChanged, ObjectInfo, StoredObject, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

# Where no object answers to what was opened before.
_CHANGES = frozenset({Failure.ABSENT, Failure.PRECONDITION, Failure.RANGE, Failure.NOT_MODIFIED})


class ObjectStore:
    """A `Reader` over the objects that `client` sees."""

    def __init__(self, client: BucketClient) -> None:
        """Touches nothing yet."""
        self._client = client

    async def open(self, path: str) -> StoredObject | None:
        """Ask for the header block of the object at `path`; None when there is none."""
        try:
            found = await self._client.get(path, {"head": True})
        except BucketError as error:
            if error.failure is Failure.ABSENT:
                return None
            raise StoreUnavailable(str(error)) from None
        return _OpenObject(self._client, path, found.meta)

    async def probe(self) -> None:
        """Raise `StoreUnavailable`, which says why, unless the bucket lets us list what is below the prefix."""
        try:
            await self._client.check()
        except BucketError as error:
            raise StoreUnavailable(str(error)) from None

    async def close(self) -> None:
        """Take no more calls. What is still open can be released but no longer read; idempotent."""
        self._client.close()


class _OpenObject:
    """One version of an object as a `StoredObject`. Nothing is held open."""

    __slots__ = ("_client", "_e_tag", "_info", "_is_released", "_modified", "_path")

    def __init__(self, client: BucketClient, path: str, meta: ObjectMeta) -> None:
        self._client = client
        self._path = path
        self._e_tag = meta["e_tag"]
        self._modified = meta["last_modified"]
        modified = self._modified.timestamp()
        # The service's ETag is the same for everybody who asks it.
        source = (self._e_tag or f"{meta['size']:x}-{modified:.6f}").removeprefix("W/").strip('"')
        version = f"{source} {meta['version']}" if meta["version"] else source
        self._info = ObjectInfo(meta["size"], modified, version, etag_source=source)
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
        """Every read has asked for this very version."""
        self._check_held()
        return True

    async def read(self, span: ByteSpan) -> bytes:
        self._check_held()
        if span.stop > self._info.size:
            raise ObjectChanged("the span ends behind the object")
        if span.length == 0:
            return b""
        try:
            return await self._read(span)
        except BucketError as error:
            raise _read_error(error.failure) from None

    async def _read(self, span: ByteSpan) -> bytes:
        options: GetOptions = {"range": (span.start, span.stop)}
        if self._e_tag is None:
            options["if_unmodified_since"] = self._modified
        else:
            options["if_match"] = self._e_tag
        found = await self._client.get(self._path, options)
        body = BucketBody(found, at_least=span.length)
        try:
            # Not every server that speaks the protocol knows conditions.
            meta = found.meta
            if (meta["e_tag"], meta["last_modified"], meta["size"]) != (self._e_tag, self._modified, self._info.size):
                raise ObjectChanged("the object is another version")
            data = await body.read()
            while piece := await body.read():
                data += piece
        finally:
            body.close()
        if found.range != (span.start, span.stop) or len(data) != span.length:
            raise ObjectChanged("the object is shorter than it was")
        return data

    def release(self) -> None:
        self._is_released = True

    def _check_held(self) -> None:
        if self._is_released:
            raise ValueError("the object was released")


def _read_error(failure: Failure) -> StoreError:
    if failure in _CHANGES:
        return ObjectChanged("the object is another version, or gone")
    return StoreUnavailable(failure.value)
