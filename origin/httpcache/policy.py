"""What the operator decides where the standards leave a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from origin.http.fields import Fields
from origin.httpcache.directives import CDN_CACHE_CONTROL, ResponseDirectives, response_directives

_NEGATIVE = MappingProxyType({404: 1.0, 410: 1.0})


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one mount. Times in seconds.

    Raises ValueError for times that are negative and for a heuristic fraction beyond 0 to 1.
    """

    targets: tuple[str, ...] = (CDN_CACHE_CONTROL,)
    # Status → how long an answer without explicit freshness is kept, counted from its arrival. It stands in for the
    # heuristic: a 404 for the next segment of a live stream is wrong a moment later, whatever its Last-Modified.
    # Other statuses than those that are cacheable by default are stored only if they are named here.
    default_negative_seconds: Mapping[int, float] = field(default_factory=lambda: _NEGATIVE, hash=False)
    heuristic_fraction: float = 0.1  # of the time since Last-Modified (RFC 9111 §4.2.2)
    heuristic_max_seconds: float = 86_400.0
    honour_request: bool = True  # whether Cache-Control and Pragma of a client count (§5.2.1 leaves it open)
    # How long after its freshness a response may stand in for an upstream that fails, when it has no stale-if-error
    # and does not forbid it (§4.2.4).
    stale_if_error_default: float = 3_600.0
    # Replaces the freshness that the upstream gives, counted from the arrival. What forbids storing or asks for
    # validation still counts, and errors keep their own freshness.
    override_seconds: float | None = None
    # A response with Set-Cookie is stored when its freshness is explicit: RFC 6265 §3 and RFC 9111 §7.3 leave it to
    # the upstream to forbid it, and those who set cookies on everything rely on that. Off: it is never stored.
    store_set_cookie: bool = True
    # s-maxage forbids to serve stale, as proxy-revalidate does (§5.2.2.10). Off: that is no bar to
    # stale-while-revalidate and stale-if-error in the same response, as several CDNs have it.
    s_maxage_forbids_stale: bool = True

    def __post_init__(self) -> None:
        times = (
            self.heuristic_max_seconds,
            self.stale_if_error_default,
            self.override_seconds or 0.0,
            *self.default_negative_seconds.values(),
        )
        if not all(0 <= time < float("inf") for time in times) or not 0 <= self.heuristic_fraction <= 1:
            raise ValueError("a time of a caching policy is finite and not negative")

    def directives(self, fields: Fields) -> ResponseDirectives:
        """What a response with these fields says to a cache with this policy."""
        return response_directives(fields, self.targets)
