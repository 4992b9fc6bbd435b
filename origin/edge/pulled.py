"""Answers from behind the shield: what an upstream may know of a request, and what a viewer may know of an answer."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from auth import Gate
from origin.edge.admission import Admission
from origin.edge.boundaries import boundary_for
from origin.edge.lifetimes import MANIFESTS, Audience, CachePolicy, lifetime_headers, not_found_headers
from origin.edge.mount import Mount
from origin.edge.upstream import Upstream
from origin.http.caching import NO_STORE, cache_control
from origin.http.conditions import Conditions
from origin.http.fields import Fields, combined, values_of, without
from origin.http.ranges import IntRange, parse_range
from origin.http.reply import Header, Reply
from origin.manifests.courses import Span
from origin.media.cmcd import of_fields, of_query, without_cmcd
from origin.media.kinds import Kind, format_of
from origin.media.target import Target
from origin.serving.inbound import Inbound
from origin.shield.alone import Answered
from origin.shield.asked import Asked
from origin.shield.prefetch import Prefetcher
from origin.upstream.origin_server import Viewer

# Of one viewer, or of the hop between the viewer and here; never true of a pull that is for all.
_OF_THE_VIEWER = frozenset(
    {"referer", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded", "client-cert"}
    # Some applications answer by these, and no Vary says so.
    | {"x-original-url", "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override"}
    | {"cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"}
    | {"signature", "signature-input", "x-akamai-g2o-auth-data", "x-akamai-g2o-auth-sign"}
)
_CREDENTIALS = frozenset({"authorization", "cookie"})
# What says how long an answer may be kept by whom: on a signed mount that is said here.
_CACHING = frozenset({"cache-control", "cdn-cache-control", "surrogate-control", "expires", "pragma", "set-cookie"})
_ABOUT_ORIGINS = frozenset(
    {
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-expose-headers",
        "timing-allow-origin",
    }
)
_PATH_SAFE = "/!$&'()*+,;=:@~"  # RFC 3986 §3.3
_SPELLINGS_KEPT = 4096
_SPELLING_AT_MOST = 256  # characters
_SHOWN = frozenset({200, 206, 304})


async def answer_pulled(
    mount: Mount, upstream: Upstream, target: Target, admission: Admission, inbound: Inbound, now: float
) -> Answered:
    """The reply. Raises `UpstreamError` and `StoreError`."""
    asked = asked_of(mount, upstream, target, admission, inbound)
    if upstream.prefetcher is not None and target.kind not in MANIFESTS:
        _foresee(upstream.prefetcher, target, asked, inbound)
    answered = await upstream.shield.answer(asked, now)
    reply = answered.reply
    fields = _shown_fields(mount, asked, target.kind, admission.audience, reply)
    if fields is reply.headers:
        return answered
    return Answered(Reply(reply.status, fields, reply.body, reply.must_close), answered.outcome)


def asked_of(mount: Mount, upstream: Upstream, target: Target, admission: Admission, inbound: Inbound) -> Asked:
    """The request as the shield may know it: without the viewer's token and without what is for this hop alone."""
    drop = _dropped(upstream.own_fields, None if mount.protection is None else mount.protection.gate)
    query = without_cmcd(admission.query) if upstream.keeps_query else ""
    url, below = _remembered(mount.name.prefix, target.path, query)
    return Asked(
        method=inbound.method,
        url=url,
        target=below,
        fields=without(inbound.fields.items(), drop),
        body=inbound.body,
        content_type=target.content_type,
        rule=None if upstream.is_http else rule_for(target.kind, mount.policy),
        tags=upstream.tags_of(target.path),
        viewer=_viewer_of(inbound) if upstream.tells_viewers else None,
        boundary=boundary_for(Conditions.from_fields(inbound.facts.headers)) if "Range" in inbound.fields else "none",
    )


def _foresee(prefetcher: Prefetcher, target: Target, asked: Asked, inbound: Inbound) -> None:
    """Tell who looks ahead what is watched, and what the player says that it wants next."""
    prefetcher.asked(target.path, _span_of(asked))
    said = of_query(inbound.facts.query) or of_fields(inbound.fields.items())
    if said is not None:
        prefetcher.hinted(target.path, said.next_objects)


def _span_of(asked: Asked) -> Span | None:
    specs = None if asked.range is None else parse_range(asked.range)
    one = specs[0] if specs is not None and len(specs) == 1 else None
    return (one.first, one.last) if isinstance(one, IntRange) else None


def _viewer_of(inbound: Inbound) -> Viewer:
    facts = inbound.facts
    return Viewer(None if facts.client is None else str(facts.client), facts.scheme, facts.authority)


def ask_for(prefix: str, upstream: Upstream, policy: CachePolicy, path: str, query: str = "") -> Asked:
    """What nobody in particular asks for: the object at `path` (decoded) below the mount at `prefix`."""
    known = format_of(path)
    url, below = _spelled(prefix, path, query)
    return Asked(
        method="GET",
        url=url,
        target=below,
        content_type=known.content_type,
        rule=None if upstream.is_http else rule_for(known.kind, policy),
        tags=upstream.tags_of(path),
    )


def _remembered(prefix: str, path: str, query: str) -> tuple[str, str]:
    """`_spelled`, at once for what many viewers ask for; a long query is hardly one of those."""
    return _short(prefix, path, query) if len(path) + len(query) <= _SPELLING_AT_MOST else _spelled(prefix, path, query)


def _spelled(prefix: str, path: str, query: str) -> tuple[str, str]:
    """The public URL and the target below the upstream, as a cache knows them."""
    below = f"/{quote(path, safe=_PATH_SAFE)}" + (f"?{query}" if query else "")
    return f"{prefix.rstrip('/')}{below}", below


_short = lru_cache(_SPELLINGS_KEPT)(_spelled)


@lru_cache
def _dropped(own_fields: frozenset[str], gate: Gate | None) -> frozenset[str]:
    """The fields of a request that stay here."""
    drop = _OF_THE_VIEWER | own_fields
    if gate is None:
        return drop
    # A token may ride in them, and no answer to one viewer's credentials is for another.
    return drop | _CREDENTIALS | {accepted.carriage.header for accepted in gate.realm.accepts}


def rule_for(kind: Kind, policy: CachePolicy) -> str:
    """The Cache-Control of what a bucket says nothing about, for the shield alone."""
    if kind is Kind.KEY:
        return str(NO_STORE)
    recheck = max(1, round(policy.recheck))
    is_fixed = kind not in MANIFESTS and kind is not Kind.OTHER
    return (
        dict(lifetime_headers(kind, Audience.EVERYBODY, policy))["Cache-Control"] if is_fixed else f"max-age={recheck}"
    )


def _shown_fields(mount: Mount, asked: Asked, kind: Kind, audience: Audience, reply: Reply) -> tuple[Header, ...]:
    fields: Fields = reply.headers
    if not _ABOUT_ORIGINS.isdisjoint([name.lower() for name, _ in fields]):
        # Which pages may read is the mount's to say.
        fields = without(fields, _ABOUT_ORIGINS)
    if mount.protection is None and not _is_ruled(asked, reply):
        return fields
    return (*without(fields, _CACHING), *_lifetime(mount, kind, audience, reply))


def _is_ruled(asked: Asked, reply: Reply) -> bool:
    """Whether the answer lives by the mount's rule."""
    if asked.rule is None:
        return False
    own = combined(reply.headers, "Cache-Control")
    return own == asked.rule or (own is None and reply.status in {404, 410})


def _lifetime(mount: Mount, kind: Kind, audience: Audience, reply: Reply) -> tuple[Header, ...]:
    """What a protected answer says, whatever the upstream said; but it is never kept where that forbade it."""
    said = ",".join(values_of(reply.headers, "Cache-Control")).lower()
    if "no-store" in said or ("private" in said and audience is Audience.EDGE):
        return (cache_control(NO_STORE),)
    if reply.status in {404, 410}:
        return not_found_headers(audience)
    if reply.status in _SHOWN:
        return lifetime_headers(kind, audience, mount.policy)
    return (cache_control(NO_STORE),)
