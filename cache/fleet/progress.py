"""How far holders have come with the bodies that they pass on, as they say it on the bus."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum

_MESSAGE = struct.Struct(">B16sQIQ")


class Kind(IntEnum):
    """What a message says."""

    WANT = 1  # pass it on, please
    MORE = 2  # so much is there, or is still there
    WHOLE = 3  # and that was all
    NO = 4  # it is too large
    BROKEN = 5  # it will not be whole


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `size` counts bytes; of WANT, for how many milliseconds it is wanted."""

    kind: Kind
    digest: bytes  # of the key
    fence: int = 0
    blocks: int = 0
    size: int = 0

    def pack(self) -> bytes:
        """As bytes that `read` understands."""
        return _MESSAGE.pack(self.kind, self.digest, self.fence, self.blocks, self.size)


def read(payload: bytes) -> Message | None:
    """The message; None for what is none."""
    if len(payload) != _MESSAGE.size:
        return None
    kind, *rest = _MESSAGE.unpack(payload)
    return Message(Kind(kind), *rest) if kind in Kind.__members__.values() else None


class View:
    """What a node that waits has heard of a key, by fence."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self._said: dict[int, tuple[Message, float]] = {}
        self._news = asyncio.Event()

    def hear(self, message: Message, now: float) -> None:
        """A holder said so at `now`. What has ended stays ended."""
        last = self._said.get(message.fence)
        if last is None or last[0].kind is Kind.MORE:
            self._said[message.fence] = (message, now)
            self._news.set()

    def of(self, fence: int) -> tuple[Message, float]:
        """The last that the holder said, and when; it has said something."""
        return self._said[fence]

    async def newest(self, least: int) -> int:
        """The fence of the latest holder that said something, not earlier than `least`."""
        while max(self._said, default=-1) < least:
            await self.news()
        return max(self._said)

    async def news(self) -> None:
        """Until something new is heard."""
        await self._news.wait()
        self._news.clear()
