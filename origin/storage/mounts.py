"""A mount's storage setting → the store it names."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from origin.storage.bucket_client import BucketClient, BucketOptions, bucket_client
from origin.storage.bucket_url import BadBucketUrl, BucketScheme, parse_bucket_url
from origin.storage.filesystem import FilesystemStore
from origin.storage.memory import MemoryStore
from origin.storage.object_store import ObjectStore
from origin.storage.store import Reader

SUPPORTED = "file:///directory, a plain path, memory:, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


class BadStorageUrl(ValueError):  # noqa: N818  # reads as the verdict it is
    """A storage setting that names no store. The text never repeats the URL: it may carry a password."""


def open_store(url: str, *, base: Path, bucket: BucketOptions | None = None) -> Reader:
    """The store that `url` names; touches no storage yet, which is `probe`'s part.

    `file:` URLs are absolute (RFC 8089 §2); a plain path is relative to `base`, the configuration file's
    directory; `memory:` is a new, empty store each time; `s3:`, `gs:` and `az:` name buckets, reached as `bucket` says
    (None: with defaults). Raises `BadStorageUrl` for everything else.
    """
    matched = _SCHEME.fullmatch(url)
    if matched is None:
        return FilesystemStore(base / _directory(url))
    scheme, rest = matched[1].lower(), matched[2]
    if scheme == "file":
        return FilesystemStore(_directory_of_file_url(rest))
    if scheme == "memory":
        if rest:
            raise BadStorageUrl("memory: takes nothing behind the colon")
        return MemoryStore()
    if is_bucket_url(url):
        return ObjectStore(open_bucket(url, bucket))
    raise BadStorageUrl(f"storage scheme {scheme!r} is not supported; use one of: {SUPPORTED}")


def is_bucket_url(url: str) -> bool:
    """Whether `url` is meant to name a bucket, rightly or not."""
    scheme, colon, _ = url.partition(":")
    return bool(colon) and scheme.lower() in {known.value for known in BucketScheme}


def open_bucket(url: str, options: BucketOptions | None = None) -> BucketClient:
    """A client for the bucket that `url` names; touches nothing yet. Raises `BadStorageUrl` when it names none."""
    try:
        return bucket_client(parse_bucket_url(url), options or BucketOptions())
    except BadBucketUrl as error:
        raise BadStorageUrl(str(error)) from None


def _directory_of_file_url(rest: str) -> Path:
    if "?" in rest or "#" in rest:
        raise BadStorageUrl("a file: URL has no query and no fragment; write %3F and %23 in names")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise BadStorageUrl("a file: URL names no other host; write file:///directory")
        rest = slash + path
    if not rest.startswith("/"):
        raise BadStorageUrl("a file: URL is absolute; write file:///directory, or a plain path")
    try:
        return _directory(unquote_to_bytes(rest).decode("utf-8"))
    except UnicodeDecodeError:
        raise BadStorageUrl("an escape in the file: URL is not UTF-8") from None


def _directory(path: str) -> Path:
    if not path or "\0" in path:
        raise BadStorageUrl("the storage's directory is empty or has a NUL in it")
    return Path(path)
