"""Where a bucket is: a URL's text → scheme, bucket and prefix. Reads nothing but the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes, urlsplit

from origin.storage.store import is_object_path

# What the three services call a bucket or container, taken together; each of them refuses more.
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


class BucketScheme(StrEnum):
    """The services whose protocols are spoken."""

    S3 = "s3"  # Amazon's, and whoever speaks its protocol
    GCS = "gs"
    AZURE = "az"


_SCHEMES = {scheme.value: scheme for scheme in BucketScheme}


class BadBucketUrl(ValueError):  # noqa: N818  # reads as the verdict it is
    """A URL that names no bucket, or no endpoint. The text never repeats it: it may carry a password."""


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket, and the part of it that is meant."""

    scheme: BucketScheme
    bucket: str
    prefix: str = ""  # of every key; decoded, without a slash at either end; "" for the whole bucket


def parse_bucket_url(url: str) -> BucketPlace:
    """The place that `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix` names.

    The prefix may be percent-encoded and ends where a path segment ends: `s3://b/vod` holds `vod/a`, not `vod2/a`.
    Raises `BadBucketUrl` for everything else, a user or password above all.
    """
    name, colon, rest = url.partition("://")
    scheme = _SCHEMES.get(name.lower())
    if not colon or scheme is None:
        raise BadBucketUrl("write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    if "?" in rest or "#" in rest:
        raise BadBucketUrl("a bucket's URL has no query and no fragment; write %3F and %23 in prefixes")
    bucket, _, raw_prefix = rest.partition("/")
    if "@" in bucket:
        raise BadBucketUrl("a bucket's URL holds no credentials; they come from the environment")
    if not _BUCKET.fullmatch(bucket):
        raise BadBucketUrl("the bucket's name is missing, or has characters that no bucket has")
    try:
        prefix = unquote_to_bytes(raw_prefix).decode("utf-8").removesuffix("/")
    except UnicodeError:
        raise BadBucketUrl("an escape in the bucket's URL is not UTF-8") from None
    if prefix and not is_object_path(prefix):
        raise BadBucketUrl("the prefix has an empty or a dot segment")
    return BucketPlace(scheme, bucket, prefix)


def check_endpoint(endpoint: str, *, allow_http: bool) -> None:
    """Raise `BadBucketUrl` unless `endpoint` is `https://host[:port][/path]`, or with `allow_http` such an `http:` URL.

    An endpoint names the service and never the bucket, in either style of addressing.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadBucketUrl("the bucket's endpoint is no URL") from None
    if parts.username is not None or parts.password is not None:
        raise BadBucketUrl("the bucket's endpoint holds no credentials; they come from the environment")
    if parts.scheme not in {"http", "https"} or parts.query or parts.fragment or port == 0:
        raise BadBucketUrl("the bucket's endpoint is https://host, with a port and a path where needed")
    if not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        raise BadBucketUrl("the bucket's endpoint has no host, or characters that no host has")
    if parts.scheme == "http" and not allow_http:
        raise BadBucketUrl("the bucket's endpoint is not encrypted; allow http explicitly, or write https")


def virtual_endpoint(endpoint: str, bucket: str) -> str:
    """`endpoint` with the bucket as the leftmost label of its host: `https://media.s3.example`."""
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{bucket}.{rest}"
