"""What the lane answers, before what differs from request to request is put in."""

from __future__ import annotations

from typing import NamedTuple

from origin.lane.blocks import Block


class Ready(NamedTuple):
    """One answer. `etag` fills the hole of that name; `length` is what Content-Length says."""

    status: int
    block: Block
    etag: bytes
    length: int | None
    body: bytes | bytearray | memoryview
