"""How a token's successor is handed out, as the token itself asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RenewalTransport(StrEnum):
    """Where the successor goes."""

    SAME = "same"  # the way that the token itself came
    COOKIE = "cookie"
    HEADER = "header"
    QUERY = "query"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Renewal:
    """A token may be replaced by one that ends `extend` seconds after the moment it was verified."""

    transport: RenewalTransport
    extend: float  # seconds
    window: float | None = None  # only in the last so many seconds of the token's life; None: on every answer
    cookie_name: str | None = None  # None: the dialect's own
    header_name: str | None = None
    cookie_attributes: tuple[str, ...] = ()  # "Path=/vod", "Secure"; empty: the gateway's own choice
    header_parameters: tuple[str, ...] = ()
    path_depth: int | None = None  # leading path segments that a cookie's Path keeps; None or 0: "/"
    status: int | None = None  # of a redirect

    def is_due(self, expires: float | None, now: float) -> bool:
        """Whether an answer at `now` carries a successor."""
        return self.window is None or (expires is not None and now >= expires - self.window)
