"""Messages to all who listen now.

A message is a hint: it may be lost, and nothing right depends on its arrival. It is heard by every node on the bus, the
publisher too, even while Redis is away. Frame: magic, one version byte, the lengths of node and topic, both, payload.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol

from cache.fleet.record import FleetEvent, FleetRecorder, NullFleetRecorder
from cache.outcome import Result
from cache.redis_link import RedisLink

Handler = Callable[[bytes], None]

LARGEST_PAYLOAD_BYTES = 32 * 1024
LARGEST_FRAME_BYTES = LARGEST_PAYLOAD_BYTES + 1024  # with node and topic

_MAGIC = b"HGB\x01"
_HEAD_BYTES = len(_MAGIC) + 2
_MOST_WAITING = 1024  # messages
_LONGEST_NAME_BYTES = 255
_IDLE_SECONDS = 1.0  # silence after which the line is tried
_FIRST_REST_SECONDS = 0.1
_LONGEST_REST_SECONDS = 5.0


class Bus(Protocol):
    """Publish and hear. Handlers run on the loop soon after, one after the other, and are quick."""

    @property
    def is_connected(self) -> bool:
        """Whether other nodes are heard now."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell everybody, soon, if that is possible. Never waits or raises; too large a payload is dropped."""
        ...

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call `handler` with each payload published on the topic."""
        ...

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        """Call `handler` after every connection, the first too: what was published before may have been missed."""
        ...

    def on_lost(self, handler: Callable[[], None]) -> None:
        """Call `handler` when others are no longer heard."""
        ...

    async def run(self) -> None:
        """Listen and send until cancelled. Once."""
        ...


class Ears:
    """Whom to tell what."""

    def __init__(self) -> None:
        self._handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        self._reconnected: list[Callable[[], None]] = []
        self._lost: list[Callable[[], None]] = []

    def subscribe(self, topic: str, handler: Handler) -> None:
        """See `Bus`."""
        self._handlers[topic].append(handler)

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        """See `Bus`."""
        self._reconnected.append(handler)

    def on_lost(self, handler: Callable[[], None]) -> None:
        """See `Bus`."""
        self._lost.append(handler)

    def _deliver(self, topic: str, payload: bytes) -> None:
        # Each in a call of its own: what one handler raises is the loop's to report and no other's loss.
        for handler in self._handlers.get(topic, ()):
            asyncio.get_running_loop().call_soon(handler, payload)

    def _tell(self, is_connected: bool) -> None:
        for handler in self._reconnected if is_connected else self._lost:
            asyncio.get_running_loop().call_soon(handler)


class LocalBus(Ears):
    """A `Bus` within one process."""

    @property
    def is_connected(self) -> bool:
        """There is nobody else to hear."""
        return True

    def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus`."""
        if len(payload) <= LARGEST_PAYLOAD_BYTES:
            self._deliver(topic, payload)

    async def run(self) -> None:
        """See `Bus`."""
        self._tell(is_connected=True)
        await asyncio.Event().wait()


class RedisBus(Ears):
    """A `Bus` over one Redis channel, `namespace:v1:bus`."""

    def __init__(
        self,
        link: RedisLink,
        namespace: str,
        node_id: str,
        jitter: Callable[[], float],
        recorder: FleetRecorder | None = None,
    ) -> None:
        """`node_id` differs for every process of the fleet; `jitter` gives chance in [0, 1)."""
        super().__init__()
        self._link = link
        self._channel = f"{namespace}:v1:bus"
        self._node = node_id.encode()
        self._jitter = jitter
        self._recorder: FleetRecorder = recorder or NullFleetRecorder()
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        if not 0 < len(self._node) <= _LONGEST_NAME_BYTES:
            raise ValueError("a node's id is 1 to 255 bytes long")

    @property
    def is_connected(self) -> bool:
        """See `Bus`."""
        return self._connected.is_set()

    def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus`. While Redis is away the newest messages wait."""
        if len(payload) > LARGEST_PAYLOAD_BYTES:
            self._recorder.noted(FleetEvent.MESSAGE_DROPPED)
            return
        self._deliver(topic, payload)
        self._waiting.append(frame_of(self._node, topic, payload))
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self._recorder.noted(FleetEvent.MESSAGE_DROPPED)
        self._news.set()

    async def run(self) -> None:
        """See `Bus`."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._send())
        finally:
            self._lose()

    async def _listen(self) -> None:
        rest = _FIRST_REST_SECONDS
        while True:
            await self._link.hear(self._channel, self._heard, self._began, _IDLE_SECONDS)
            rest = _FIRST_REST_SECONDS if self.is_connected else min(rest * 2, _LONGEST_REST_SECONDS)
            self._lose()
            await asyncio.sleep(rest * (0.5 + self._jitter() / 2))

    async def _send(self) -> None:
        while True:
            await self._connected.wait()
            await self._news.wait()
            self._news.clear()
            while self._waiting and self.is_connected:
                result, _ = await self._link.ask("PUBLISH", self._channel, self._waiting.popleft())
                is_sent = result is Result.DONE
                self._recorder.noted(FleetEvent.MESSAGE_SENT if is_sent else FleetEvent.MESSAGE_DROPPED)

    def _began(self) -> None:
        self._connected.set()
        if self._waiting:
            self._news.set()
        self._recorder.noted(FleetEvent.BUS_CONNECTED)
        self._tell(is_connected=True)

    def _lose(self) -> None:
        if self.is_connected:
            self._connected.clear()
            self._recorder.noted(FleetEvent.BUS_LOST)
            self._tell(is_connected=False)

    def _heard(self, frame: bytes) -> None:
        read = read_frame(frame)
        if read is None:
            self._recorder.noted(FleetEvent.MESSAGE_IGNORED)
            return
        node, topic, payload = read
        if node != self._node:  # our own were delivered when they were published
            self._deliver(topic, payload)


def frame_of(node: bytes, topic: str, payload: bytes) -> bytes:
    """A message on the wire; node and topic take 255 bytes at most."""
    name = topic.encode()
    return _MAGIC + bytes([len(node), len(name)]) + node + name + payload


def read_frame(frame: bytes) -> tuple[bytes, str, bytes] | None:
    """Node, topic and payload; None for what is no frame of ours."""
    if len(frame) < _HEAD_BYTES or not frame.startswith(_MAGIC):
        return None
    topic_at = _HEAD_BYTES + frame[len(_MAGIC)]
    payload_at = topic_at + frame[len(_MAGIC) + 1]
    if not payload_at <= len(frame) <= payload_at + LARGEST_PAYLOAD_BYTES:
        return None
    try:
        return frame[_HEAD_BYTES:topic_at], frame[topic_at:payload_at].decode(), frame[payload_at:]
    except UnicodeDecodeError:
        return None
