"""A ledger's memory on Redis: one for all workers and machines.

It fails closed: what cannot be asked in time is `LedgerUnavailable`, and what follows from that is the caller's to
decide. A Redis that has failed several times in a row is not asked again on a request's time; `revocations`, which the
ledger calls about twice a second anyhow, finds out when it is back.

Keys, all with the same hash tag where a script touches several:

    prefix:ledger:v1:used:<mount>:<hash>           one use; gone after its time
    prefix:ledger:v1:streams:{<hash>}:live|began|gone  sorted sets: lease ends, beginnings, and the evicted, in ms
    prefix:ledger:v1:{revoked}:entries|state       hashes: entries by id; epoch and version
    prefix:ledger:v1:revoked                       channel: something about revocations has changed

The epoch is drawn when the hash is begun. Whoever meets another epoch, or an older version, knows that Redis has lost
what it was told, and puts its own entries back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import msgspec

from auth.revocation import MAX_REVOCATIONS, Revocation, Revocations
from cache.outcome import Result
from cache.redis_link import RedisLink, Word
from cache.redis_url import RedisTls
from origin.ledger import scripts
from origin.ledger.store import LedgerFull, LedgerUnavailable, Stream

_log = logging.getLogger(__name__)
_DECODER = msgspec.json.Decoder(Revocation)
_VERSION = 1  # of what is kept; two that differ share neither uses nor streams nor revocations
_FAILURES = 3  # in a row, until Redis is left alone


class RedisLedger:
    """A `LedgerStore` that workers and machines share."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "headgate",
        budget_seconds: float = 0.25,
        clock: Callable[[], float],
        tls: RedisTls | None = None,
    ) -> None:
        """`url` and `tls` as for `RedisLink`; one operation takes `budget_seconds` at most; `clock` in Unix seconds.

        Opens no connection yet. Raises `BadRedisUrl` when that makes no sense.
        """
        self._prefix = f"{prefix}:ledger:v{_VERSION}:"
        self._revoked_keys = (f"{self._prefix}{{revoked}}:entries", f"{self._prefix}{{revoked}}:state")
        self._channel = f"{self._prefix}revoked"
        self._clock = clock
        self._link = RedisLink(url, budget_seconds=budget_seconds, tls=tls)
        self._state = ("", -1)  # epoch and version of what `revocations` gave last
        self._failures = 0
        self._is_closed = False

    def __repr__(self) -> str:
        return f"RedisLedger({self._link.where})"

    async def first_use(self, mount: str, token_id: str, seconds: float) -> bool:
        """See `LedgerStore`."""
        # Relative to Redis's own clock: one that runs ahead of ours would forget at once what ends by ours.
        milliseconds = max(1, math.ceil(seconds * 1000))
        name = f"{self._prefix}used:{quote(mount)}:{_hash(token_id)}"
        return await self._ask("EVAL", scripts.FIRST_USE, 1, name, secrets.token_hex(8), milliseconds) == 1

    async def lease(self, stream: Stream) -> bool:
        """See `LedgerStore`."""
        base = f"{self._prefix}streams:{{{_hash(stream.mount, stream.subject)}}}:"
        milliseconds = max(1, math.ceil(stream.lease_seconds * 1000))
        keys = (base + "live", base + "began", base + "gone")
        words = (_hash(stream.session), stream.most, milliseconds, int(stream.evicts))
        return await self._ask("EVAL", scripts.LEASE, len(keys), *keys, *words) == 1

    async def revoke(self, revocation: Revocation) -> None:
        """See `LedgerStore`."""
        words = (revocation.id, _pack(revocation), MAX_REVOCATIONS, self._channel, secrets.token_hex(8))
        if await self._ask_about_revocations(scripts.REVOKE, *words) == 0:
            raise LedgerFull(f"at most {MAX_REVOCATIONS} revocations are kept")

    async def lift(self, revocation_id: str) -> bool:
        """See `LedgerStore`."""
        return await self._ask_about_revocations(scripts.LIFT, revocation_id, self._channel) == 1

    async def revocations(self, known: Revocations) -> Revocations:
        """See `LedgerStore`. Asks even a Redis that has failed before. Not to be called twice at once."""
        loaded = await self._load()
        if loaded is None:
            return known.in_force(self._clock())
        epoch, version, found = loaded
        has_forgotten = self._state[0] not in {"", epoch} or (epoch == self._state[0] and version < self._state[1])
        lost = [each for each in known if each.id not in found] if has_forgotten else []
        if lost:
            packed = [word for each in lost for word in (each.id, _pack(each))]
            await self._ask_about_revocations(scripts.PUT_BACK, self._channel, secrets.token_hex(8), *packed)
            epoch, version, found = await self._load() or loaded
        ended = [each for each in found if self._clock() >= each.ends]
        if ended:
            packed = [word for each in ended for word in (each.id, _pack(each))]
            await self._ask_about_revocations(scripts.DROP, *packed)
        self._state = (epoch, version)
        return found.in_force(self._clock())

    async def change(self, seconds: float) -> None:
        """See `LedgerStore`."""
        await self._link.listen(self._channel, seconds)

    async def close(self) -> None:
        """See `LedgerStore`."""
        self._is_closed = True
        await self._link.close()

    async def _load(self) -> tuple[str, int, Revocations] | None:
        """Epoch, version and all entries, or None when they are what was given last."""
        epoch, version = self._state
        answer = await self._ask_about_revocations(scripts.LOAD, epoch, version, secrets.token_hex(8), is_probe=True)
        match answer:
            case []:
                return None
            case [bytes() as epoch_now, bytes() as version_now, list() as words]:
                with suppress(ValueError):  # what is no number or no text, and more entries than are kept
                    entries, unreadable = await asyncio.to_thread(_unpack, words)
                    if unreadable:
                        _log.error("%d revocations in Redis cannot be understood and are not in force", unreadable)
                    return epoch_now.decode(), int(version_now), entries
        raise LedgerUnavailable("the store's answer makes no sense")

    async def _ask_about_revocations(self, script: str, *words: Word, is_probe: bool = False) -> object:
        keys = self._revoked_keys
        return await self._ask("EVAL", script, len(keys), *keys, *words, is_probe=is_probe)

    async def _ask(self, *words: Word, is_probe: bool = False) -> object:
        if self._is_closed or (self._failures >= _FAILURES and not is_probe):
            raise LedgerUnavailable("the store is being left alone")
        result, answer = await self._link.ask(*words)
        if result is not Result.DONE:
            self._failures += 1
            raise LedgerUnavailable(f"the store does not answer: {result.value}")
        self._failures = 0
        return answer


def _hash(*words: str) -> str:
    """A bounded name for what may be long, secret or strange; words stay apart."""
    said = b"\0".join(word.encode("utf-8", "surrogatepass") for word in words)
    return hashlib.sha256(said).hexdigest()


def _pack(revocation: Revocation) -> bytes:
    """The same bytes for equal entries, whether their times came as integers or not."""
    moment = None if revocation.moment is None else float(revocation.moment)
    return msgspec.json.encode(replace(revocation, ends=float(revocation.ends), moment=moment))


def _unpack(words: list[object]) -> tuple[Revocations, int]:
    """Entries from a flat list of ids and entries, and how many made no sense.

    Those must not keep others out: a newer version may write kinds that this one does not know.
    """
    packed = [word for word in words[1::2] if isinstance(word, bytes)]
    entries = []
    for each in packed:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            entries.append(_DECODER.decode(each))
    return Revocations(entries), len(packed) - len(entries)
