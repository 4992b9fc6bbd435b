"""Content codings for manifests: compressed once where all viewers share the bytes, quickly where they do not."""

from __future__ import annotations

import gzip
import sys
from enum import Enum, auto

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# In order of preference where a client takes several equally well.
PREFERENCE = ("br", "zstd", "gzip")
PREFERENCE_QUICK = ("zstd", "gzip", "br")
WORTH_IT = 256  # bytes; below, the header fields of a coding cost what it saves


class Effort(Enum):
    """How hard to try."""

    ONCE = auto()  # the result is kept and sent many times
    EACH = auto()  # the result is sent once


def encode(data: bytes, coding: str, effort: Effort) -> bytes:
    """`data` in `coding` (RFC 9110 §8.4.1). gzip carries no time, so that equal bytes stay equal."""
    is_kept = effort is Effort.ONCE
    match coding:
        case "gzip":
            return gzip.compress(data, compresslevel=6 if is_kept else 1, mtime=0)
        case "br":
            encoded: bytes = brotli.compress(data, mode=brotli.MODE_TEXT, quality=7 if is_kept else 1)
            return encoded
        case "zstd":
            return zstd.compress(data, level=9 if is_kept else 1)
        case _:
            raise ValueError(f"no such coding: {coding}")
