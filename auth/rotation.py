"""Rotation of keys, as a change of a ring: a key comes in, takes over, steps back and goes.

No moment is without a key that signs, and no token that was signed in time is refused before the overlap ends. All
instants are Unix seconds.
"""

from __future__ import annotations

from dataclasses import replace

from auth.errors import Misuse
from auth.keys import Key, KeyRing, KeyState


def rotate(ring: KeyRing, new_key: Key, now: float, lead_seconds: float, overlap_seconds: float) -> KeyRing:
    """The ring with `new_key` behind the others, verifying at once and signing after `lead_seconds`.

    The lead is for every node to learn of the key before a token names it; it ends early where no other key would
    sign. The keys that `new_key` replaces sign until then and verify for `overlap_seconds` more, which is as long as
    the longest token lives: they are the present signer, and what else signs with the new key's algorithm. No key
    lasts longer than it would have. Misuse when `new_key` cannot sign, its id is taken, the lead is negative or the
    overlap not positive.
    """
    if new_key.signing is None:
        raise Misuse(f"key {new_key.id} verifies only")
    if lead_seconds < 0 or overlap_seconds <= 0:
        raise Misuse("the lead of a rotation is 0 seconds or more, and the overlap more than 0")
    signer = ring.signer(now)
    change = _signs_until(ring, now, now + lead_seconds)
    kept = [
        _ended(key, change, overlap_seconds) if _is_replaced(key, new_key, signer, now) else key for key in ring.keys
    ]
    return KeyRing((*kept, replace(new_key, sign_from=change, sign_until=None)))


def retire(ring: KeyRing, key_id: str, now: float) -> KeyRing:
    """The ring with that key out of force from `now` on. Misuse when there is none of that id."""
    if ring.find(key_id) is None:
        raise Misuse("the ring has no key of that id")
    return KeyRing(_retired(key, now) if key.id == key_id else key for key in ring.keys)


def pruned(ring: KeyRing, now: float) -> KeyRing:
    """The ring without the keys that are retired at `now`; give an earlier instant to keep them for a while."""
    return KeyRing(key for key in ring.keys if key.state(now) is not KeyState.RETIRED)


def _is_replaced(key: Key, new_key: Key, signer: Key | None, now: float) -> bool:
    if key.signing is None or key.state(now) is KeyState.RETIRED:
        return False
    return key.algorithm is new_key.algorithm or (key is signer and key.use is new_key.use)


def _signs_until(ring: KeyRing, now: float, at_most: float) -> float:
    """Until when one key or another of the ring signs without a gap, counted from `now`."""
    while now < at_most and (signer := ring.signer(now)) is not None:
        now = min([at_most, *_signing_ends(signer)])
    return now


def _ended(key: Key, change: float, overlap: float) -> Key:
    """The key as it signs until `change` at the latest; one that would have begun later never signs."""
    stop = max(change, key.sign_from or 0)
    if key.sign_until is not None:
        stop = min(stop, key.sign_until)
    end = max(stop, key.not_before or 0) + overlap
    return replace(key, sign_until=stop, not_after=end if key.not_after is None else min(end, key.not_after))


def _retired(key: Key, now: float) -> Key:
    if key.state(now) is KeyState.RETIRED:
        return key
    return replace(
        key,
        not_before=_if_earlier(key.not_before, now),
        sign_from=_if_earlier(key.sign_from, now),
        sign_until=min([now, *_signing_ends(key)]),
        not_after=now,
    )


def _if_earlier(instant: float | None, now: float) -> float | None:
    return instant if instant is not None and instant < now else None


def _signing_ends(key: Key) -> list[float]:
    return [end for end in (key.sign_until, key.not_after) if end is not None]
