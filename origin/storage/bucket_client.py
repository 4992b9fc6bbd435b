"""Talking to object stores. The only code that knows obstore: what it raises ends here.

The client is made when it is first needed, because its threads do not survive a fork. It looks for credentials where
each service's own tools do: the environment, a web identity, the machine's metadata service. Failures that pass
(5xx, 429, time-outs, lost connections) are tried again with jitter; a body that breaks goes on where it broke, and
only if the object still has the same ETag.

obstore says the kind of most failures in its message alone, so that is where they are read from. A message never
leaves this file: it holds URLs, keys and what the server wrote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import obstore
from obstore.exceptions import (
    BaseError,
    NotModifiedError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from origin.storage.bucket_url import BucketPlace, BucketScheme, check_endpoint, virtual_endpoint
from origin.storage.store import is_object_path

if TYPE_CHECKING:
    from obstore import BytesStream, GetOptions, GetResult
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

Store: TypeAlias = S3Store | GCSStore | AzureStore | LocalStore | MemoryStore

MAX_KEY_BYTES = 1024  # of all three services
_LONGEST = timedelta(hours=1)  # a whole body, however steadily it drips
_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=2)
_THREADS = "2"  # of one process, for all its buckets; they wait for sockets

# The URL in a message is encoded, so nothing before the status can be of a viewer's making.
_STATUS = re.compile(r"Server returned non-2xx status code: ([0-9]{3})")
_HTTP_KIND = re.compile(r"HttpError \{\s+kind: ([A-Za-z]+)")
_SIZE = re.compile(r"<ActualObjectSize>([0-9]{1,18})</ActualObjectSize>")
_OTHER_BYTES = re.compile(r"Requested [0-9]+\.\.[0-9]+, got ")
_TOO_LARGE = re.compile(r"StartTooLarge \{\s+requested: [0-9]+,\s+length: ([0-9]{1,18})")
# Objects are only ever read: whatever writes asks for credentials, and so does whoever asks the machine.
_CREDENTIALS = re.compile(r"Error performing (?:(?:PUT|POST) |GET http://(?:169\.254\.169\.254|metadata\b))")
_NO_BUCKET = re.compile(r"<Code>(?:NoSuchBucket|ContainerNotFound)</Code>")


class Failure(StrEnum):
    """Why an object store gave no object. The words are for people, and stable."""

    ABSENT = "no such object"
    NOT_MODIFIED = "not modified"
    PRECONDITION = "a precondition failed"
    RANGE = "no such bytes"
    NOT_PARTIAL = "ranges are not supported"
    WRONG_RANGE = "other bytes than those that were asked for"
    NO_BUCKET = "no such bucket"
    FORBIDDEN = "permission denied"
    NO_CREDENTIALS = "no credentials found"
    MISCONFIGURED = "the bucket's options are not complete or do not fit together"
    WRONG_REGION = "another region or endpoint is responsible"
    UNREACHABLE = "no connection"
    TIMED_OUT = "no answer in time"
    BROKEN = "the connection or the answer broke"
    REFUSED = "the service failed"  # 5xx and all other statuses
    CLOSED = "the store is closed"


class BucketError(Exception):
    """No object. `size` is its length in bytes where a range lies behind it and the service says so."""

    def __init__(self, failure: Failure, size: int | None = None) -> None:
        """The text is that of `failure`, and nothing else."""
        super().__init__(failure.value)
        self.failure = failure
        self.size = size


@dataclass(frozen=True, slots=True)
class BucketOptions:
    """How a bucket is reached. Credentials are no option: they come from the environment."""

    endpoint: str = ""  # https://host[:port]; "" for the service's own
    region: str = ""  # S3; "" for the environment's
    account: str = ""  # Azure's storage account; "" for the environment's
    virtual_hosted: bool = False  # S3: the bucket as part of the host name instead of the path
    anonymous: bool = False  # requests are not signed: for public buckets
    allow_http: bool = False  # an endpoint without TLS
    connect_timeout: float = 2.0  # seconds
    timeout: float = 10.0  # seconds of silence, before the answer and between two pieces; no retry begins after it
    retries: int = 2  # after the first try


class BucketBody:
    """The body of one answer, to be read once. Whoever has it closes it."""

    # It has the only reference to obstore's stream, and no frame ever has one: else a traceback, or obstore's threads
    # until they next hold the interpreter's lock, could keep a connection that everybody has done with.
    __slots__ = ("_stream",)

    def __init__(self, result: GetResult, *, at_least: int = 1) -> None:
        """Takes the body out of `result`; pieces are of `at_least` bytes but for the last."""
        self._stream: BytesStream | None = result.stream(min_chunk_size=at_least)

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises `BucketError`. Not to be called while another call waits."""
        try:
            while self._stream is not None:
                if piece := await self._stream.__anext__():
                    return piece
        except StopAsyncIteration:
            self.close()
        except (BaseError, OSError) as error:
            raise _translated(error) from None
        return b""

    def close(self) -> None:
        """Let go of the connection, whether the body was read or not; idempotent."""
        self._stream = None


class BucketClient:
    """Reads the objects below one place. Every method raises `BucketError` and nothing else."""

    def __init__(self, connect: Callable[[], Store], prefix: str = "") -> None:
        """`connect` is called once, when the store is first needed."""
        self._connect = connect
        self._prefix = f"{prefix}/" if prefix else ""
        self._store: Store | None = None
        self._is_closed = False

    async def get(self, path: str, options: GetOptions) -> GetResult:
        """The header block of the object at `path` and its body, still to be read; or no body at all with `head`.

        A name that no object can have is ABSENT without anybody being asked.
        """
        store, key = self._opened(), self._key(path)
        try:
            return await obstore.get_async(store, key, options=options)
        except ValueError:  # a name that the client cannot express
            raise BucketError(Failure.ABSENT) from None
        except (BaseError, OSError) as error:
            raise _translated(error, may_tell_bucket="<" not in key) from None

    async def check(self) -> None:
        """Ask for the first few names below the prefix: proves the bucket, the credentials and the right to list.

        That right is needed: who may not list is told 403 instead of 404 for an object that is not there.
        """
        names = obstore.list(self._opened(), prefix=self._prefix.removesuffix("/") or None, chunk_size=1)
        try:
            async for _ in names:
                break
        except (BaseError, OSError) as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Begin nothing more; idempotent."""
        self._is_closed = True
        self._store = None

    def _opened(self) -> Store:
        if self._is_closed:
            raise BucketError(Failure.CLOSED)
        if self._store is None:
            try:
                self._store = self._connect()
            except (BaseError, ValueError, OSError):
                raise BucketError(Failure.MISCONFIGURED) from None
        return self._store

    def _key(self, path: str) -> str:
        try:
            is_short = len((self._prefix + path).encode()) <= MAX_KEY_BYTES
        except UnicodeEncodeError:
            is_short = False
        if not is_short or not is_object_path(path):
            raise BucketError(Failure.ABSENT)
        return self._prefix + path


def bucket_client(place: BucketPlace, options: BucketOptions) -> BucketClient:
    """A client for `place` that has touched nothing yet. Raises `BadBucketUrl` for an endpoint that is none."""
    if options.endpoint:
        check_endpoint(options.endpoint, allow_http=options.allow_http)
    return BucketClient(lambda: _connect(place, options), place.prefix)


def _connect(place: BucketPlace, options: BucketOptions) -> Store:
    os.environ.setdefault("TOKIO_WORKER_THREADS", _THREADS)  # read once, when the first client starts them
    client, retry = _client_config(options), _retry_config(options)
    if place.scheme is BucketScheme.S3:
        return S3Store(place.bucket, config=_s3(place, options), client_options=client, retry_config=retry)
    if place.scheme is BucketScheme.GCS:
        return GCSStore(place.bucket, config=_gcs(options), client_options=client, retry_config=retry)
    return AzureStore(place.bucket, config=_azure(options), client_options=client, retry_config=retry)


def _client_config(options: BucketOptions) -> ClientConfig:
    return {
        "allow_http": options.allow_http,
        "connect_timeout": timedelta(seconds=options.connect_timeout),
        "read_timeout": timedelta(seconds=options.timeout),
        "timeout": _LONGEST,
        "user_agent": "Headgate",
    }


def _retry_config(options: BucketOptions) -> RetryConfig:
    return {
        "max_retries": options.retries,
        "retry_timeout": timedelta(seconds=options.timeout),
        "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
    }


# What is not set here is looked for in the environment, which is why nothing is set without need.
def _s3(place: BucketPlace, options: BucketOptions) -> S3Config:
    config: S3Config = {"virtual_hosted_style_request": options.virtual_hosted}
    if options.endpoint:
        is_virtual = options.virtual_hosted
        config["endpoint"] = virtual_endpoint(options.endpoint, place.bucket) if is_virtual else options.endpoint
    if options.region:
        config["region"] = options.region
    if options.anonymous:
        config["skip_signature"] = True
    return config


def _gcs(options: BucketOptions) -> GCSConfig:
    config: GCSConfig = {}
    if options.endpoint:
        config["base_url"] = options.endpoint
    if options.anonymous:
        config["skip_signature"] = True
    return config


def _azure(options: BucketOptions) -> AzureConfig:
    config: AzureConfig = {}
    if options.endpoint:
        config["endpoint"] = options.endpoint
    if options.account:
        config["account_name"] = options.account
    if options.anonymous:
        config["skip_signature"] = True
    return config


_KINDS: tuple[tuple[type[Exception], Failure], ...] = (
    (FileNotFoundError, Failure.ABSENT),
    (NotModifiedError, Failure.NOT_MODIFIED),
    (PreconditionError, Failure.PRECONDITION),
    (PermissionDeniedError, Failure.FORBIDDEN),
    (UnauthenticatedError, Failure.FORBIDDEN),
    (NotSupportedError, Failure.NOT_PARTIAL),  # Azure knows no suffix ranges
)
_STATUSES = {401: Failure.FORBIDDEN, 403: Failure.FORBIDDEN, 404: Failure.ABSENT, 416: Failure.RANGE}
_HTTP_KINDS = {
    "Timeout": Failure.TIMED_OUT,
    "Connect": Failure.UNREACHABLE,
    "Request": Failure.UNREACHABLE,
    "Interrupted": Failure.BROKEN,
}


def _translated(error: Exception, *, may_tell_bucket: bool = True) -> BucketError:
    """What a foreign error means. `may_tell_bucket`: nothing in it that looks like the service's words is a name."""
    text = str(error)
    if _CREDENTIALS.search(text):
        return BucketError(Failure.NO_CREDENTIALS)
    known = next((failure for kind, failure in _KINDS if isinstance(error, kind)), None) or _from_text(text)
    if known is Failure.ABSENT and may_tell_bucket and _NO_BUCKET.search(text):
        return BucketError(Failure.NO_BUCKET)
    if known is Failure.RANGE:
        size = _SIZE.search(text) or _TOO_LARGE.search(text)
        return BucketError(known, int(size[1]) if size else None)
    return BucketError(known)


def _from_text(text: str) -> Failure:
    if status := _STATUS.search(text):
        return _STATUSES.get(int(status[1]), Failure.REFUSED)
    if kind := _HTTP_KIND.search(text):
        return _HTTP_KINDS.get(kind[1], Failure.BROKEN)
    if "redirect without LOCATION" in text:
        return Failure.WRONG_REGION
    if "non-partial response" in text:
        return Failure.NOT_PARTIAL
    if _OTHER_BYTES.search(text):
        return Failure.WRONG_RANGE
    return Failure.RANGE if "StartTooLarge" in text else Failure.BROKEN
