"""A request, the response to it, and what a shared cache makes of both a little later."""

from __future__ import annotations

from hypothesis import strategies as st

from origin.http.dates import format_http_date
from origin.http.fields import Fields
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import Decision, Purged, decide
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import StoreVerdict, may_store, stored_of

NOW = 1_700_000_000.0
POLICY = Policy()

# Fields that matter to a cache, with values that range from good to hostile.
names = st.sampled_from(
    [
        "Age", "Authorization", "CDN-Cache-Control", "Cache-Control", "Cache-Groups", "Cache-Tag", "Connection",
        "Content-Length", "Content-Location", "Content-Range", "Content-Type", "Date", "ETag", "Expires",
        "Last-Modified", "Location", "Pragma", "Set-Cookie", "Surrogate-Key", "Vary", "X-Other",
    ]
)  # fmt: skip
values = st.one_of(
    st.text(st.sampled_from('abmxg-=,;:"\\ \t0129*?()/WT.'), max_size=40),
    st.text(max_size=20),
    st.sampled_from(
        [
            "max-age=60", "s-maxage=5", "no-store", "private", "no-cache", 'no-cache="x-other"', "public",
            "must-revalidate", "stale-while-revalidate=30", "stale-if-error=9", "min-fresh=3", "max-stale",
            "only-if-cached", "0", "7200", '"a"', 'W/"a"', "*", "Accept", "bytes 0-4/9", "must-understand, no-store",
            format_http_date(NOW), format_http_date(NOW - 5), format_http_date(NOW + 60),
        ]
    ),
)  # fmt: skip
any_fields: st.SearchStrategy[Fields] = st.lists(st.tuples(names, values), max_size=8).map(tuple)


def date(seconds: float) -> str:
    """The HTTP-date that lies `seconds` after `NOW`."""
    return format_http_date(NOW + seconds)


def response(*fields: tuple[str, str]) -> Fields:
    """The fields of a response that was made at `NOW`."""
    return (("Date", date(0)), *fields)


def keep(
    *fields: tuple[str, str],
    status: int = 200,
    request: Fields = (),
    policy: Policy = POLICY,
    method: str = "GET",
    target_uri: str | None = None,
) -> StoredResponse | None:
    """The stored response, or None when it may not be stored."""
    verdict = may_store(method, request, status, fields, policy, target_uri=target_uri)
    if verdict is not StoreVerdict.STORE:
        return None
    return kept(*fields, status=status, request=request, policy=policy)


def kept(*fields: tuple[str, str], status: int = 200, request: Fields = (), policy: Policy = POLICY) -> StoredResponse:
    """The response as it would be stored, whether that is allowed or not."""
    return stored_of(status, fields, policy, request_fields=request, requested_at=NOW, received_at=NOW)


def ask(
    stored: StoredResponse | None,
    *request: tuple[str, str],
    after: float = 3.0,
    method: str = "GET",
    policy: Policy = POLICY,
    purged: Purged = Purged.NONE,
) -> Decision:
    """What is done with a request `after` so many seconds."""
    return decide(method, request, stored, NOW + after, policy, purged=purged)
