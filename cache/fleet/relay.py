"""The body that the holder of a lease receives, passed on through Redis while it arrives, to nodes that asked for it.

    node that waits    WANT   ─▶   holder: writes the head, then block after block, as they come
                       ◀─   MORE   n blocks are there; said again now and then while nothing new comes
                       ◀─   WHOLE  that was all        NO  too large to be passed on        BROKEN  it will not be whole

Fence and number are in the name of a block and in every message, so that two holders' bodies are never mixed. A holder
that dies falls silent, which is noticed. Redis keeps blocks for a short while only:

    namespace:v1:relay:{<digest of key>}:<fence>:<number>|head    16 bytes of digest, and the data
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from hmac import compare_digest
from typing import Protocol
from weakref import WeakSet

from cache.errors import CacheError
from cache.fleet.bus import Bus
from cache.fleet.guard import Guard
from cache.fleet.leases import digest_of, fence_name
from cache.fleet.progress import Kind, Message, View, read
from cache.fleet.record import FleetEvent, FleetRecorder, NullFleetRecorder
from cache.outcome import Result

_TOPIC = "relay"
_HEAD = struct.Struct(">q")  # length of the body, or -1
_DIGEST_BYTES = 16
_MOST_WANTED = 4096  # keys
_SMALL_BYTES = 64 * 1024  # a block that is smaller waits a moment for more, unless it is the first
_MOMENT_SECONDS = 0.02


class RelayBroken(CacheError):  # noqa: N818  # named for what it is, like the others of the tree
    """What was followed will not be whole: its holder died or gave up, or Redis lost a part."""

    reason = "relay_broken"


class Growing(Protocol):
    """A body that is still arriving, from its first byte on."""

    @property
    def length(self) -> int | None:
        """How long it will be; None while that is not known."""
        ...

    def reach(self, offset: int) -> int:
        """The end of the bytes that are there from `offset` on; `offset` itself when that one is not."""
        ...

    async def wait(self, offset: int) -> int:
        """`reach` once the byte at `offset` is there, or `offset` when it will never be. Raises when it is broken."""
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """At least one of the bytes from `start` up to `stop`, which are there. Raises when it is broken."""
        ...


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What relaying may cost at most."""

    block_bytes: int = 256 * 1024
    max_bytes: int = 64 * 2**20  # of a body; larger ones are not passed on
    ttl_seconds: float = 30.0  # of a block in Redis
    silence_seconds: float = 5.0  # of a holder, until it counts as dead
    linger_seconds: float = 1.0  # after the end of a body, for those who ask late


class _Share:
    """What a holder passes on."""

    def __init__(self, digest: bytes, fence: int, tell: Callable[[bytes], None]) -> None:
        self.wanted = asyncio.Event()
        self.has_begun = False
        self.said = Message(Kind.MORE, digest, fence)
        self._tell = tell

    def say(self, message: Message | None = None) -> None:
        """Tell everybody how far it is, or again."""
        self.said = message or self.said
        if self.has_begun:
            self._tell(self.said.pack())

    def end(self, kind: Kind) -> None:
        """Tell everybody how it ended."""
        self.say(replace(self.said, kind=kind))


class Followed:
    """A body that another node is receiving."""

    def __init__(self, relay: Relay, view: View, fence: int, head: bytes, length: int | None) -> None:
        self.fence = fence
        self.head = head
        self.length = length
        self._relay = relay
        self._view = view

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in order, as it arrives; once. Raises `RelayBroken` rather than ending early."""
        try:
            async for data in self._blocks():
                yield data
        finally:
            self._relay.forget(self._view)

    async def _blocks(self) -> AsyncIterator[bytes]:
        silence, number, size = self._relay.limits.silence_seconds, 0, 0
        while True:
            said, heard_at = self._view.of(self.fence)
            if number < said.blocks:
                data = await self._relay.block(self._view.digest, self.fence, number)
                number, size = number + 1, size + len(data)
                yield data
            elif said.kind is Kind.WHOLE and size == said.size and self.length in {None, size}:
                return
            elif said.kind is not Kind.MORE:
                raise self._relay.broken("the holder gave up")
            else:
                await self._listen(heard_at + silence)

    async def _listen(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._view.news()
        except TimeoutError:
            raise self._relay.broken("the holder has fallen silent") from None


class Relay:
    """Both ends: what this node passes on, and what it follows. The bus must be running."""

    def __init__(
        self,
        guard: Guard,
        bus: Bus,
        namespace: str,
        *,
        clock: Callable[[], float],
        limits: RelayLimits | None = None,
        recorder: FleetRecorder | None = None,
    ) -> None:
        """`namespace` is that of the leases; `clock` gives seconds that never go back."""
        self.limits = limits or RelayLimits()
        self._guard = guard
        self._bus = bus
        self._namespace = namespace
        self._clock = clock
        self._recorder: FleetRecorder = recorder or NullFleetRecorder()
        self._shares: dict[bytes, _Share] = {}
        self._wanted: dict[bytes, float] = {}  # what others asked for while nobody here held it, and until when
        self._views: dict[bytes, WeakSet[View]] = {}
        bus.subscribe(_TOPIC, self._heard)
        bus.on_reconnected(self._ask_again)

    async def share(self, key: str, fence: int, head: bytes, body: Growing, length: int | None = None) -> None:
        """Pass on `head` and `body` to those who ask, until some time after its end. `fence` is the lease's.

        For a task of the holder's, which may cancel it: then those who follow are told that it is broken. It raises
        nothing, whatever becomes of the body or of Redis. Nobody is there to ask the holder of a local lease.
        """
        if fence <= 0:
            return
        digest = digest_of(key)
        share = self._shares[digest] = _Share(digest, fence, lambda said: self._bus.publish(_TOPIC, said))
        if self._wanted.pop(digest, 0.0) > self._clock():
            share.wanted.set()
        try:
            if await self._is_wanted(share, body):
                await self._pass_on(share, head, body, body.length if length is None else length)
                await asyncio.sleep(self.limits.linger_seconds)
        except Exception:  # noqa: S110  # how a body breaks is known to its owner; those who follow it are told below
            pass
        finally:
            if share.said.kind is Kind.MORE:
                share.end(Kind.BROKEN)
            if self._shares.get(digest) is share:
                del self._shares[digest]

    async def follow(self, key: str, seconds: float) -> Followed | None:
        """The body that the key's holder is receiving, or None when nobody passes it on within `seconds`."""
        digest = digest_of(key)
        view = View(digest)
        self._views.setdefault(digest, WeakSet()).add(view)
        followed = None
        try:
            async with asyncio.timeout(seconds):
                self._want(digest, seconds)
                followed = await self._begin(view)
        except TimeoutError:
            pass
        finally:
            if followed is None:
                self.forget(view)
        return followed

    async def _begin(self, view: View) -> Followed | None:
        least = await self._last_fence(view.digest)
        if least is None:
            return None
        fence = await view.newest(least)
        if view.of(fence)[0].kind not in {Kind.MORE, Kind.WHOLE}:
            return None
        data = await self._get(self._name(view.digest, fence, "head"))
        if data is None or len(data) < _HEAD.size:
            return None
        (length,) = _HEAD.unpack_from(data)
        self._recorder.noted(FleetEvent.RELAY_FOLLOWED)
        return Followed(self, view, fence, data[_HEAD.size :], None if length < 0 else length)

    def forget(self, view: View) -> None:
        """Nobody follows it any more."""
        views = self._views.get(view.digest)
        if views is not None:
            views.discard(view)
            if not views:
                del self._views[view.digest]

    async def block(self, digest: bytes, fence: int, number: int) -> bytes:
        """A block that a holder has said to be there. Raises `RelayBroken` when it is not."""
        data = await self._get(self._name(digest, fence, str(number)))
        if data is None:
            raise self.broken("a part is missing")
        self._recorder.noted(FleetEvent.BYTES_FOLLOWED, len(data))
        return data

    def broken(self, why: str) -> RelayBroken:
        """The error, counted."""
        self._recorder.noted(FleetEvent.RELAY_BROKEN)
        return RelayBroken(why)

    async def _is_wanted(self, share: _Share, body: Growing) -> bool:
        """Whether anybody asks before some time after the body's end."""
        wanted = asyncio.ensure_future(share.wanted.wait())
        whole = asyncio.ensure_future(self._whole(body))
        try:
            await asyncio.wait((wanted, whole), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (wanted, whole):
                task.cancel()
            await asyncio.gather(wanted, whole, return_exceptions=True)
        return share.wanted.is_set()

    async def _whole(self, body: Growing) -> None:
        at, reach = -1, 0
        while at < reach:
            at, reach = reach, await body.wait(reach)
        await asyncio.sleep(self.limits.linger_seconds)

    async def _pass_on(self, share: _Share, head: bytes, body: Growing, length: int | None) -> None:
        """Write blocks and tell of them; returns with the last word said, or raises what the body does."""
        share.has_begun = True
        if length is not None and length > self.limits.max_bytes:
            self._recorder.noted(FleetEvent.RELAY_DECLINED)
            share.end(Kind.NO)
            await self._whole(body)
            return
        self._recorder.noted(FleetEvent.RELAY_STARTED)
        if not await self._put(share, "head", _HEAD.pack(-1 if length is None else length) + head):
            return
        share.say()
        at = 0
        while at != length and (stop := await self._more(share, body, at)) > at:
            data = await body.read(at, min(stop, at + self.limits.block_bytes))
            at += len(data)
            if at > self.limits.max_bytes or not await self._put(share, str(share.said.blocks), data):
                return
            self._recorder.noted(FleetEvent.BYTES_SHARED, len(data))
            share.say(replace(share.said, blocks=share.said.blocks + 1, size=at))
        share.end(Kind.WHOLE if length in {None, at} else Kind.BROKEN)

    async def _more(self, share: _Share, body: Growing, at: int) -> int:
        """As `Growing.wait`, with signs of life meanwhile."""
        waiting = asyncio.ensure_future(body.wait(at))
        try:
            while not (await asyncio.wait((waiting,), timeout=self.limits.silence_seconds / 3))[0]:
                share.say()
            reach = waiting.result()
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        if at and at < reach < at + _SMALL_BYTES and reach != body.length:
            await asyncio.sleep(_MOMENT_SECONDS)
        return body.reach(at)

    async def _put(self, share: _Share, number: str, data: bytes) -> bool:
        name = self._name(share.said.digest, share.said.fence, number)
        milliseconds = round(self.limits.ttl_seconds * 1000)
        return (await self._guard.ask("SET", name, _seal(name, data) + data, "PX", milliseconds))[0] is Result.DONE

    async def _get(self, name: str) -> bytes | None:
        # Not more than a holder may have written, whatever it is that is there.
        _, data = await self._guard.ask("GETRANGE", name, 0, _DIGEST_BYTES + self.limits.block_bytes)
        if not isinstance(data, bytes) or not compare_digest(data[:_DIGEST_BYTES], _seal(name, data[_DIGEST_BYTES:])):
            return None
        return data[_DIGEST_BYTES:]

    async def _last_fence(self, digest: bytes) -> int | None:
        """That of the last holder, as what an earlier one passes on is not wanted; None when nobody can say."""
        result, fence = await self._guard.ask("GET", fence_name(self._namespace, digest))
        if result is not Result.DONE:
            return None
        return int(fence) if isinstance(fence, bytes) and fence.isdigit() else 0

    def _name(self, digest: bytes, fence: int, number: str) -> str:
        return f"{self._namespace}:v1:relay:{{{digest.hex()}}}:{fence}:{number}"

    def _want(self, digest: bytes, seconds: float) -> None:
        self._bus.publish(_TOPIC, Message(Kind.WANT, digest, size=max(0, round(seconds * 1000))).pack())

    def _ask_again(self) -> None:
        """How far a holder is may have been said while the line was lost."""
        for digest in self._views:
            self._want(digest, self.limits.silence_seconds)

    def _heard(self, payload: bytes) -> None:
        message = read(payload)
        if message is None:
            return
        if message.kind is Kind.WANT:
            self._asked(message.digest, message.size / 1000)
            return
        self._wanted.pop(message.digest, None)
        for view in self._views.get(message.digest, ()):
            view.hear(message, asyncio.get_running_loop().time())

    def _asked(self, digest: bytes, seconds: float) -> None:
        share = self._shares.get(digest)
        if share is not None:
            share.wanted.set()
            share.say()
            return
        self._wanted.pop(digest, None)
        self._wanted[digest] = self._clock() + seconds
        if len(self._wanted) > _MOST_WANTED:
            del self._wanted[next(iter(self._wanted))]


def _seal(name: str, data: bytes) -> bytes:
    """What tells a block from another's, and from what is not one."""
    digest = blake2b(name.encode(), digest_size=_DIGEST_BYTES)
    digest.update(data)
    return digest.digest()
