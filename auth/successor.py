"""The claims of a token's successor."""

from __future__ import annotations

from dataclasses import replace

from auth.claims import Claims
from auth.errors import Misuse


def successor(claims: Claims, now: float) -> Claims:
    """The same claims with another end: `renewal.extend` seconds after `now`, and no later than the session's.

    `now` is when the token was verified (RFC 9246 §2.1.12), and becomes the time of issue where one was said. Misuse
    for claims that do not ask for renewal.
    """
    if claims.renewal is None:
        raise Misuse("these claims do not ask for renewal")
    expires = now + claims.renewal.extend
    if claims.session_ends is not None:
        expires = min(expires, claims.session_ends)
    issued_at = None if claims.issued_at is None else now
    return replace(claims, expires=expires, issued_at=issued_at, key_id=None)
