"""What is kept of a response besides its body, and its packed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import msgspec

from origin.http.etags import EntityTag, parse_entity_tag
from origin.http.fields import Fields, values_of
from origin.httpcache.dates import date_of

Variant = tuple[tuple[str, str | None], ...]  # request fields that Vary names, and their normal form; None is absent

PACKED_VERSION = 1


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The head of a stored response. Raises ValueError for times that are not finite and for no final status.

    `fields` has neither fields of a connection nor what the response itself excludes from being stored.
    """

    status: int
    fields: Fields
    requested_at: float  # Unix seconds: when the request left
    received_at: float  # Unix seconds: when the response's head was there
    vary: Variant = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (isfinite(self.requested_at) and isfinite(self.received_at)):
            raise ValueError("a response is stored at a finite time")
        if not 200 <= self.status <= 999:
            raise ValueError("only a final response is stored")

    @property
    def etag(self) -> EntityTag | None:
        """Its entity tag, if it has a well-formed one."""
        values = values_of(self.fields, "etag")
        return parse_entity_tag(values[0]) if len(values) == 1 else None

    @property
    def last_modified(self) -> int | None:
        """Unix seconds of its Last-Modified, if it has a well-formed one."""
        return date_of(self.fields, "last-modified", self.received_at)

    @property
    def date(self) -> int | None:
        """Unix seconds of its Date, if it has a well-formed one."""
        return date_of(self.fields, "date", self.received_at)

    @property
    def content_length(self) -> int | None:
        """Its Content-Length in bytes, if it has a well-formed one."""
        values = set(values_of(self.fields, "content-length"))
        value = values.pop() if len(values) == 1 else ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None


class _Packed(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    status: int
    fields: tuple[tuple[bytes, bytes], ...]  # bytes: a field's value may be no text
    requested_at: float
    received_at: float
    vary: tuple[tuple[bytes, bytes | None], ...]
    tags: tuple[bytes, ...]


_HEAD = b"HGH" + bytes([PACKED_VERSION])
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(stored: StoredResponse) -> bytes:
    """The response as bytes that `unpack` understands."""
    packed = _Packed(
        stored.status,
        tuple((_bytes(name), _bytes(value)) for name, value in stored.fields),
        stored.requested_at,
        stored.received_at,
        tuple((_bytes(name), None if value is None else _bytes(value)) for name, value in stored.vary),
        tuple(map(_bytes, stored.tags)),
    )
    return _HEAD + _encoder.encode(packed)


def unpack(data: bytes) -> StoredResponse:
    """The response again. Raises ValueError for bytes of another make or version, and for corrupt ones."""
    if not data.startswith(_HEAD):
        raise ValueError("this is no stored response of this version")
    try:
        packed = _decoder.decode(memoryview(data)[len(_HEAD) :])
    except msgspec.MsgspecError as error:
        raise ValueError("a stored response is corrupt") from error
    return StoredResponse(
        packed.status,
        tuple((_text(name), _text(value)) for name, value in packed.fields),
        packed.requested_at,
        packed.received_at,
        tuple((_text(name), None if value is None else _text(value)) for name, value in packed.vary),
        tuple(map(_text, packed.tags)),
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
