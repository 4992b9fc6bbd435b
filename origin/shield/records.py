"""What the shelf's heads hold: a response without its body, or the fields that tell a URL's responses apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from origin.httpcache.stored import StoredResponse
from origin.httpcache.stored import pack as pack_response
from origin.httpcache.stored import unpack as unpack_response

_RESPONSE, _SIGNPOST = b"R", b"V"
# An upstream that nominates other fields all the time keeps the latest of its lists.
_NOMINATIONS_AT_MOST = 8
_HEADS_READ = 4096

_signpost = msgspec.msgpack.Decoder(tuple[str, tuple[tuple[str, ...], ...]])


@dataclass(frozen=True, slots=True)
class Signpost:
    """The lists of fields that this URL's responses have named in Vary, the latest first."""

    nominations: tuple[tuple[str, ...], ...]
    born: str = ""  # part of the keys of the responses: those of an earlier signpost stay out of reach

    def with_latest(self, names: tuple[str, ...]) -> Signpost:
        """These, with `names` first."""
        others = (known for known in self.nominations if known != names)
        return Signpost((names, *others)[:_NOMINATIONS_AT_MOST], self.born)


Record = StoredResponse | Signpost


def pack(record: Record) -> bytes:
    """The record as the head of an object on the shelf."""
    if isinstance(record, Signpost):
        return _SIGNPOST + msgspec.msgpack.encode((record.born, record.nominations))
    return _RESPONSE + pack_response(record)


@lru_cache(_HEADS_READ)
def unpack(head: bytes) -> Record | None:
    """The record; None for what another release wrote or nobody did."""
    try:
        if head.startswith(_SIGNPOST):
            born, nominations = _signpost.decode(head[1:])
            return Signpost(nominations, born)
        return unpack_response(head[1:]) if head.startswith(_RESPONSE) else None
    except (ValueError, msgspec.DecodeError):
        return None
