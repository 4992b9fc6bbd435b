"""A cached value with the facts its freshness is judged by, and its packed form for the second tier.

Packed: magic, one version byte, a digest, then MessagePack. The digest covers the key too, so that bytes that
end up under another key (a renamed key, two caches sharing a prefix by mistake) are refused rather than
served.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from math import isfinite
from typing import Generic, Protocol, TypeVar

import msgspec

from cache.key import CacheKey

V = TypeVar("V")

PACKED_VERSION = 1

_MAGIC = b"HGC"
_DIGEST_BYTES = 16
_HEAD = _MAGIC + bytes([PACKED_VERSION])
_BODY_START = len(_HEAD) + _DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a value may be served, in seconds. Both stale windows begin when freshness ends (RFC 5861)."""

    fresh: float
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0

    def __post_init__(self) -> None:
        windows = (self.fresh, self.stale_while_revalidate, self.stale_if_error)
        if not all(isfinite(window) and window >= 0 for window in windows):
            raise ValueError("lifetimes are finite and not negative")

    @property
    def total(self) -> float:
        """The age from which a value is never served."""
        return self.fresh + max(self.stale_while_revalidate, self.stale_if_error)


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """One cached value; it does not differ between viewers and must not be changed."""

    value: V
    stored_at: float  # Unix seconds, wall clock, when the source was asked: the value is no older than that
    lifetime: Lifetime
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isfinite(self.stored_at):
            raise ValueError("an entry is stored at a finite time")


class Codec(Protocol[V]):
    """Turns the values of one namespace into bytes and back."""

    def encode(self, value: V) -> bytes:
        """The value as bytes."""
        ...

    def decode(self, data: bytes) -> V:
        """The value again. Whatever it raises means that `data` is not one."""
        ...

    def weigh(self, value: V) -> int:
        """About how many bytes of memory the value holds."""
        ...


class _Packed(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    stored_at: float
    fresh: float
    stale_while_revalidate: float
    stale_if_error: float
    tags: tuple[str, ...]
    value: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(key: CacheKey, entry: Entry[V], codec: Codec[V]) -> bytes:
    """The entry as bytes that `unpack` understands under the same key."""
    lifetime = entry.lifetime
    body = _encoder.encode(
        _Packed(
            entry.stored_at,
            lifetime.fresh,
            lifetime.stale_while_revalidate,
            lifetime.stale_if_error,
            entry.tags,
            codec.encode(entry.value),
        )
    )
    return _HEAD + _digest(key, body) + body


def unpack(key: CacheKey, data: bytes, codec: Codec[V]) -> Entry[V] | None:
    """The entry; None, never an error, for bytes that are foreign, corrupt, another key's or version's."""
    digest, body = data[len(_HEAD) : _BODY_START], data[_BODY_START:]
    if not data.startswith(_HEAD) or not compare_digest(digest, _digest(key, body)):
        return None
    # Any exception: what a codec trips over is its own affair, and whatever it is, the source still has the
    # value.
    try:
        packed = _decoder.decode(body)
        lifetime = Lifetime(packed.fresh, packed.stale_while_revalidate, packed.stale_if_error)
        return Entry(codec.decode(packed.value), packed.stored_at, lifetime, packed.tags)
    except Exception:
        return None


def _digest(key: CacheKey, body: bytes) -> bytes:
    digest = blake2b(key.text.encode(), digest_size=_DIGEST_BYTES)
    digest.update(b"\0")  # never in a key's text, so the boundary is unmistakable
    digest.update(body)
    return digest.digest()
