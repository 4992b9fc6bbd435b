"""The claims of a token's successor, and the end of the chain that successors make.

A token that is renewed on each answer would live for ever, so a chain has an absolute end: `most` seconds after its
first token was issued. Every successor says that first moment as its own time of issue, so that the chain's age, and a
revocation of everything issued before a moment, hold for all of it. Where the first token does not say when it was
issued, the first renewal counts as that: then nothing outlives the token's own end by more than `most`. A dialect that
cannot say a time of issue cannot mint such a successor, and renews nothing.

RFC 9246 §2.1.6 has the time of issue updated in tokens that are made for a redirection to another CDN; a successor is
none.
"""

from __future__ import annotations

from dataclasses import replace
from math import floor

from auth.claims import Claims
from auth.errors import Misuse


def renewed_claims(claims: Claims, now: float, most: float) -> Claims | None:
    """The same claims with another end: `renewal.extend` seconds after `now`, and no later than the chain's.

    None when the chain, or the session, has ended. Times are whole seconds, rounded down; what restricted nothing and
    is known only shortened (`extra`) is gone. `now` is when the token was verified (RFC 9246 §2.1.12), and `most` is in
    seconds. Misuse for claims that do not ask for renewal.
    """
    if claims.renewal is None:
        raise Misuse("these claims do not ask for renewal")
    issued_at = floor(now if claims.issued_at is None else claims.issued_at)
    expires = min(floor(now + claims.renewal.extend), floor(issued_at + most))
    if claims.session_ends is not None:
        expires = min(expires, floor(claims.session_ends))
    if expires <= now:
        return None
    return replace(claims, expires=expires, issued_at=issued_at, key_id=None, extra=())
