"""The bus of one machine's workers: each listens on a socket in their directory, and sends to all that are there.

Who begins to listen connects to all others; whoever is connected to looks for whom it does not know, and connects back.
A message is its frame (`cache.fleet.bus`) behind its length in four bytes. Whoever reads too slowly is hung up on, and
knows by the next connection that it may have missed something.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

from cache.fleet.bus import LARGEST_FRAME_BYTES, LARGEST_PAYLOAD_BYTES, Ears, frame_of, read_frame
from cache.fleet.record import FleetEvent, FleetRecorder
from origin.workers.place import WorkerPlace

_log = logging.getLogger(__name__)

_SOCKET = ".socket"
_LENGTH_BYTES = 4
_LOOK_EVERY = 1.0  # seconds between two looks for others; who is new is found sooner
_MOST_WAITING = 4 * 2**20  # bytes for one that reads slowly
_BACKLOG = 64


class WorkerBus(Ears):
    """A `Bus` of the processes that share a place's directory."""

    def __init__(self, place: WorkerPlace, recorder: FleetRecorder) -> None:
        """Nothing is opened before `run`."""
        super().__init__()
        self._directory = place.directory / "bus"
        self._name = f"{place.slot}-{os.getpid()}-{secrets.token_hex(4)}{_SOCKET}"
        self._recorder = recorder
        self._is_listening = False
        self._is_hanging_up = False
        self._wake = asyncio.Event()
        self._speaking: dict[str, asyncio.WriteTransport] = {}
        self._hearing: set[asyncio.Transport] = set()

    @property
    def is_connected(self) -> bool:
        """See `Bus`. Without others too: whoever comes is heard."""
        return self._is_listening

    @property
    def others(self) -> int:
        """How many are sent to now."""
        return len(self._speaking)

    def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus`."""
        if len(payload) > LARGEST_PAYLOAD_BYTES:
            self._recorder.noted(FleetEvent.MESSAGE_DROPPED)
            return
        self._deliver(topic, payload)
        frame = frame_of(self._name.encode(), topic, payload)
        for name, transport in tuple(self._speaking.items()):
            if transport.get_write_buffer_size() > _MOST_WAITING:
                self._recorder.noted(FleetEvent.MESSAGE_DROPPED)
                del self._speaking[name]
                transport.abort()
            else:
                transport.write(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)
                self._recorder.noted(FleetEvent.MESSAGE_SENT)

    async def run(self) -> None:
        """See `Bus`."""
        while True:
            try:
                await self._listen()
            except OSError as error:
                _log.error("the workers' bus does not work: %s", error.strerror or type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY)

    async def _listen(self) -> None:
        self._is_hanging_up = False
        directory = await asyncio.to_thread(self._open_directory)
        try:
            listening = await asyncio.to_thread(self._bind, directory)
            async with self._serve(listening):
                try:
                    await asyncio.to_thread(self._show, directory)
                    self._is_listening = True
                    self._recorder.noted(FleetEvent.BUS_CONNECTED)
                    self._tell(is_connected=True)
                    await self._keep_connected(directory)
                finally:
                    self._hang_up()
                    await asyncio.to_thread(_remove, directory, self._name)
        finally:
            os.close(directory)

    @contextlib.asynccontextmanager
    async def _serve(self, listening: socket.socket) -> AsyncIterator[None]:
        server = await asyncio.get_running_loop().create_unix_server(self._hearer, sock=listening)
        try:
            yield
        finally:
            server.close()

    async def _keep_connected(self, directory: int) -> None:
        while True:
            self._wake.clear()
            for name in await asyncio.to_thread(os.listdir, directory):
                if name.endswith(_SOCKET) and name not in {self._name, *self._speaking}:
                    await self._connect(directory, name)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wake.wait()

    async def _connect(self, directory: int, name: str) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.setblocking(False)
        try:
            connecting.connect(_path(directory, name))
        except ConnectionRefusedError:  # nobody listens there any more: it was shown when somebody did
            connecting.close()
            await asyncio.to_thread(_remove, directory, name)
            return
        except OSError:  # it is gone, or too many wait for it: the next look will tell
            connecting.close()
            return
        await asyncio.get_running_loop().create_unix_connection(lambda: _Speaker(self._speaking, name), sock=connecting)

    def _hearer(self) -> _Hearer:
        return _Hearer(self._heard, self._hearing, self._met)

    def _met(self, transport: asyncio.Transport) -> None:
        """Somebody speaks to us from now on: what was said before was missed."""
        if self._is_hanging_up:  # the server accepts until it is closed, a moment later
            transport.abort()
            return
        self._wake.set()
        self._tell(is_connected=True)

    def _heard(self, frame: bytes) -> None:
        read = read_frame(frame)
        if read is None:
            self._recorder.noted(FleetEvent.MESSAGE_IGNORED)
        else:
            self._deliver(*read[1:])

    def _hang_up(self) -> None:
        self._is_hanging_up = True
        for transport in (*self._speaking.values(), *self._hearing):
            transport.abort()
        self._speaking.clear()
        if self._is_listening:
            self._is_listening = False
            self._recorder.noted(FleetEvent.BUS_LOST)
            self._tell(is_connected=False)

    def _open_directory(self) -> int:
        self._directory.mkdir(0o700, exist_ok=True)
        return os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _bind(self, directory: int) -> socket.socket:
        """A socket under a name that others do not look at, until somebody listens."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(_path(directory, f"{self._name}.new"))
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        return listening

    def _show(self, directory: int) -> None:
        os.rename(f"{self._name}.new", self._name, src_dir_fd=directory, dst_dir_fd=directory)


class _Hearer(asyncio.Protocol):
    """What another worker says."""

    def __init__(
        self, heard: Callable[[bytes], None], hearing: set[asyncio.Transport], met: Callable[[asyncio.Transport], None]
    ) -> None:
        self._heard = heard
        self._hearing = hearing
        self._met = met
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._hearing.add(self._transport)
        self._met(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= _LENGTH_BYTES:
            length = int.from_bytes(self._data[:_LENGTH_BYTES], "big")
            if length > LARGEST_FRAME_BYTES:
                self._transport.abort()
                return
            end = _LENGTH_BYTES + length
            if len(self._data) < end:
                return
            frame = bytes(self._data[_LENGTH_BYTES:end])
            del self._data[:end]
            self._heard(frame)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._hearing.discard(self._transport)


class _Speaker(asyncio.Protocol):
    """A connection that is spoken on: among `speaking` for as long as it lasts. The other end says nothing."""

    def __init__(self, speaking: dict[str, asyncio.WriteTransport], name: str) -> None:
        self._speaking = speaking
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._speaking[self._name] = self._transport

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self._speaking.get(self._name) is self._transport:
            del self._speaking[self._name]


def _path(directory: int, name: str) -> str:
    """A path that is short enough for a socket's address, however long the directory's is."""
    return f"/proc/self/fd/{directory}/{name}"


def _remove(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
