"""The cookie that carries a token to everything below an asset."""

from __future__ import annotations

import math

from auth import Token
from origin.http.reply import Header


def token_cookie(name: str, token: Token, path: str, expires: float | None, now: float) -> Header:
    """A Set-Cookie field, scoped to `path` ("/vod/clock/") and gone with the token.

    `SameSite=None; Secure` because the player's page may live on another site, `Partitioned` (CHIPS) because browsers
    that block third-party cookies still keep one per embedding site, `HttpOnly` because no script needs it.
    """
    lifetime = "" if expires is None else f"; Max-Age={max(0, math.floor(expires - now))}"
    attributes = f"; Path={path}{lifetime}; Secure; HttpOnly; SameSite=None; Partitioned"
    return ("Set-Cookie", f"{name}={token.reveal()}{attributes}")
