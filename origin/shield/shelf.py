"""Where responses are found and kept: the fields that tell them apart, and bodies that still arrive.

A URL's key leads to its response, or to a signpost where the upstream's Vary tells several apart; then each has a key
of its own. A body that is being pulled is found before anything on the disk: whoever asks meanwhile follows it.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from cache.disk.errors import DiskError
from cache.disk.fill import Fill
from cache.disk.held import Held
from cache.disk.store import DiskStore
from origin.http.fields import Fields
from origin.httpcache.stored import StoredResponse, Variant
from origin.httpcache.variants import variant_key, variant_of
from origin.shield.asked import Asked
from origin.shield.records import Signpost, pack, unpack

# How many URLs are remembered to have been forgotten, for pulls that were under way then.
_FORGOTTEN_AT_MOST = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """A response on the disk. Whoever has it releases it."""

    key: str
    stored: StoredResponse
    held: Held

    @property
    def is_whole(self) -> bool:
        """Whether all of its body is there."""
        length = self.held.length
        return length is not None and self.held.extents.covers(0, length)

    def release(self) -> None:
        """Give it back. Idempotent."""
        self.held.release()


@dataclass(slots=True, eq=False)
class Arriving:
    """A response whose body, or a run of it, is on its way to the disk and to all who follow it."""

    key: str
    stored: StoredResponse
    fill: Fill
    start: int = 0
    stop: int | None = None  # None: to the end
    of: str = ""  # the key of its URL
    is_broken: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_superseded: bool = False  # a later response is on its way, or was

    @property
    def is_whole(self) -> bool:
        """Whether all of the body arrives here."""
        return self.start == 0 and (self.stop is None or self.stop == self.fill.length)

    def will_have(self, position: int) -> bool:
        """Whether the byte at `position` is there or will be, if all goes well."""
        return self.start <= position and (self.stop is None or position < self.stop)

    def release(self) -> None:
        """Nothing: it belongs to whoever fills it."""


Found: TypeAlias = Kept | Arriving


@dataclass(slots=True, eq=False)
class _Look:
    """Somebody who looks for the response of a URL."""

    is_overtaken: bool = False  # one has begun to arrive meanwhile


class Shelf:
    """The responses of all mounts, in one store."""

    def __init__(self, store: DiskStore) -> None:
        """The store is not closed here."""
        self._store = store
        self._arriving: dict[str, list[Arriving]] = {}
        self._forgotten: dict[str, float] = {}  # until when what was asked of the upstream is outdated
        self._looks: dict[str, set[_Look]] = {}  # by the key of a URL

    def peek(self, asked: Asked) -> Found | None:
        """What is known without waiting; None says nothing about the disk."""
        arriving = self._whole_arriving(asked.key)
        if arriving is not None:
            return arriving
        found = _read(asked.key, self._store.peek(asked.key))
        return self._peek_variants(asked, found) if isinstance(found, Signpost) else found

    async def find(self, asked: Asked) -> Found | None:
        """The response to `asked` if there is one, the latest if there are several (RFC 9111 §4.1)."""
        look = _Look()
        self._looks.setdefault(asked.key, set()).add(look)
        try:
            found = await self._latest(asked)
            # What began to arrive while the disk was asked would be pulled a second time.
            while found is None and look.is_overtaken:
                look.is_overtaken = False
                found = await self._latest(asked)
            return found
        finally:
            self._looks[asked.key].discard(look)
            if not self._looks[asked.key]:
                del self._looks[asked.key]

    async def _latest(self, asked: Asked) -> Found | None:
        found = await self.at(asked.key)
        if not isinstance(found, Signpost):
            return found
        best: Found | None = None
        for names in found.nominations:
            other = await self.at(_variant(asked, names, found.born))
            if other is None or isinstance(other, Signpost):
                continue
            if best is not None and best.stored.received_at >= other.stored.received_at:
                other.release()
                continue
            if best is not None:
                best.release()
            best = other
        return best

    async def at(self, key: str) -> Found | Signpost | None:
        """What is under exactly this key."""
        arriving = self._whole_arriving(key)
        if arriving is not None:
            return arriving
        return _read(key, self._store.peek(key) or await self._store.get(key))

    def following(self, key: str, position: int) -> Arriving | None:
        """What is on its way to this key and brings the byte at `position`."""
        return next((one for one in self._arriving.get(key, ()) if one.will_have(position)), None)

    def has_arriving(self, key: str) -> Arriving | None:
        """Anything that is on its way to this key."""
        return next(iter(self._arriving.get(key, ())), None)

    async def begin(
        self, asked: Asked, stored: StoredResponse, length: int | None, start: int = 0, stop: int | None = None
    ) -> Arriving:
        """A new response under the key that its Vary gives it; it takes the place of the old one when it is whole.

        `start` and `stop` say which run of its body arrives. Raises `DiskFull`.
        """
        key = asked.key
        is_outdated = self.is_outdated(asked.key, stored)
        if stored.vary:
            names = tuple(name for name, _ in stored.vary)
            key = _variant(asked, names, "outdated" if is_outdated else await self._point(asked.key, names))
        expects = None if stop is None else (start, stop)
        fill = await self._store.begin(key, pack(stored), length=length, tags=stored.tags, expects=expects)
        arriving = Arriving(key, stored, fill, start, stop, asked.key)
        if is_outdated:
            return arriving
        for look in self._looks.get(asked.key, ()):
            look.is_overtaken = True
        return self._arrives(arriving)

    async def extend(self, kept: Kept, start: int, stop: int) -> Arriving:
        """A further run of a response's body. Raises `DiskFull`."""
        fill = await self._store.extend(kept.held, expects=(start, stop))
        return self._arrives(Arriving(kept.key, kept.stored, fill, start, stop, kept.key.partition(";")[0]))

    def is_wanted(self, arriving: Arriving) -> bool:
        """Whether it is to be kept: neither is there a later one, nor was its URL forgotten meanwhile."""
        return not arriving.is_superseded and not self.is_outdated(arriving.of, arriving.stored)

    def arrived(self, arriving: Arriving) -> None:
        """It is on the disk now, or will never be."""
        self.withdraw(arriving)
        arriving.ended.set()

    def withdraw(self, arriving: Arriving) -> None:
        """Let nobody follow it any more who does not yet."""
        others = self._arriving.get(arriving.key, [])
        if arriving in others:
            others.remove(arriving)
        if not others:
            self._arriving.pop(arriving.key, None)

    async def refresh(self, kept: Kept, stored: StoredResponse) -> bool:
        """Give a response another head; False when another response has taken its place."""
        return await self._store.rewrite_head(kept.key, kept.held, pack(stored), stored.tags)

    async def forget(self, key: str, before: float = -inf) -> None:
        """Remove what is under the key of a URL, its variants too.

        What was asked of the upstream before `before` (Unix seconds) and is still on its way will not be found either.
        """
        if before > self._forgotten.get(key, -inf):
            self._forgotten.pop(key, None)
            self._forgotten[key] = before
            while len(self._forgotten) > _FORGOTTEN_AT_MOST:
                del self._forgotten[next(iter(self._forgotten))]
        self._arriving.pop(key, None)
        with suppress(DiskError):  # a cache that cannot be asked is an empty one
            await self._store.remove(key)

    def is_outdated(self, key: str, stored: StoredResponse) -> bool:
        """Whether the URL of this key was forgotten after the response had been asked for."""
        return stored.requested_at < self._forgotten.get(key, -inf)

    async def settle(self, arriving: Arriving) -> None:
        """What arrived is on the disk now: remove it where its URL was forgotten at the last moment."""
        if self.is_outdated(arriving.of, arriving.stored):
            with suppress(DiskError):
                await self._store.remove(arriving.key)

    async def drop(self, kept: Kept) -> None:
        """Remove a response that cannot be completed, unless another one has taken its place."""
        held = await self._store.get(kept.key)
        if held is None:
            return
        held.release()
        if held.body_id == kept.held.body_id:
            with suppress(DiskError):
                await self._store.remove(kept.key)

    def _whole_arriving(self, key: str) -> Arriving | None:
        return next((one for one in reversed(self._arriving.get(key, ())) if one.is_whole), None)

    def _peek_variants(self, asked: Asked, signpost: Signpost) -> Found | None:
        # More than one list may match, and the latest counts: that is for `find`.
        if len(signpost.nominations) != 1:
            return None
        key = _variant(asked, signpost.nominations[0], signpost.born)
        arriving = self._whole_arriving(key)
        if arriving is not None:
            return arriving
        found = _read(key, self._store.peek(key))
        return None if isinstance(found, Signpost) else found

    async def _point(self, key: str, names: tuple[str, ...]) -> str:
        """Have a signpost to responses that vary by `names`; gives its birth."""
        held = await self._store.get(key)
        record = None if held is None else unpack(held.head)
        known = record if isinstance(record, Signpost) else Signpost((), secrets.token_urlsafe(6))
        if held is not None:
            held.release()
        if known.nominations[:1] != (names,):
            fill = await self._store.begin(key, pack(known.with_latest(names)), length=0)
            await fill.commit()
        return known.born

    def _arrives(self, arriving: Arriving) -> Arriving:
        others = self._arriving.setdefault(arriving.key, [])
        if arriving.is_whole:
            for older in others:
                older.is_superseded = True
        others.append(arriving)
        return arriving


def _read(key: str, held: Held | None) -> Kept | Signpost | None:
    """What `held` is, which is given back unless it is a response."""
    if held is None:
        return None
    record = unpack(held.head)
    if isinstance(record, StoredResponse):
        return Kept(key, record, held)
    held.release()
    return record


def _variant(asked: Asked, names: tuple[str, ...], born: str) -> str:
    return f"{asked.key};{born};{variant_key(variant_of(names, asked.fields))}"


def same_variant(stored: StoredResponse, fields: Fields) -> bool:
    """Whether the response is one for a request with these fields (RFC 9111 §4.1)."""
    return stored.vary == variant_like(stored, fields)


def variant_like(stored: StoredResponse, fields: Fields) -> Variant:
    """What a request with these fields has of those that the response was selected by."""
    return variant_of(tuple(name for name, _ in stored.vary), fields)
