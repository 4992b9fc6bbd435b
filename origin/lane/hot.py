"""The bodies of hot objects, in memory.

Heap and not mappings of the files: whoever shortens a mapped file kills every process that reads on. A body that many
viewers are sent at once is there once, whatever the pace of each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

from origin.http.spans import ByteSpan
from origin.storage.store import StoredObject, StoreError

_WISHES = 4096  # objects that were asked for once and are remembered for it


class HotBodies:
    """Bodies by object and version, bounded in bytes; the least recently used goes first.

    A body is read when it is wished for the second time while the first wish is remembered, so that a scan of a large
    library pushes nothing out.
    """

    def __init__(self, capacity_bytes: int, largest_bytes: int) -> None:
        """No body of more than `largest_bytes` is kept."""
        self._capacity_bytes = capacity_bytes
        self._largest_bytes = min(largest_bytes, capacity_bytes)
        self._bodies: OrderedDict[Hashable, tuple[str, bytes]] = OrderedDict()
        self._wishes: dict[Hashable, str] = {}
        self._reading: dict[Hashable, asyncio.Task[None]] = {}
        self.size_bytes = 0

    @property
    def is_reading(self) -> bool:
        """Whether any body is being read."""
        return bool(self._reading)

    def get(self, key: Hashable, version: str) -> bytes | None:
        """All of the body, if it is here in this version."""
        held = self._bodies.get(key)
        if held is None:
            return None
        if held[0] != version:
            self._drop(key)
            return None
        self._bodies.move_to_end(key)
        return held[1]

    def wish(self, key: Hashable, version: str, size_bytes: int, lend: Callable[[], StoredObject | None]) -> None:
        """Somebody would have been served from here. `lend` gives the object to be read, if that is done now."""
        if size_bytes > self._largest_bytes or key in self._reading:
            return
        if self._wishes.pop(key, None) != version:
            self._wishes[key] = version
            if len(self._wishes) > _WISHES:
                del self._wishes[next(iter(self._wishes))]
            return
        content = lend()
        if content is not None:
            self._reading[key] = asyncio.get_running_loop().create_task(self._read(key, version, content))

    async def close(self) -> None:
        """End what is being read, and keep nothing."""
        tasks = tuple(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._bodies.clear()
        self.size_bytes = 0

    async def _read(self, key: Hashable, version: str, content: StoredObject) -> None:
        try:
            body = await content.read(ByteSpan(0, content.size))
        except StoreError:
            return  # whoever asks for it next meets the fault by the long way
        finally:
            self._reading.pop(key, None)
            content.release()
        self._drop(key)
        self._bodies[key] = (version, body)
        self.size_bytes += len(body)
        while self.size_bytes > self._capacity_bytes:
            self._drop(next(iter(self._bodies)))

    def _drop(self, key: Hashable) -> None:
        held = self._bodies.pop(key, None)
        if held is not None:
            self.size_bytes -= len(held[1])
