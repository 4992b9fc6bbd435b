"""Answers from behind the shield: what an upstream may know of a request, and what a viewer may know of an answer."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from origin.edge.admission import Admission
from origin.edge.boundaries import boundary_for
from origin.edge.lifetimes import MANIFESTS, Audience, CachePolicy, lifetime_headers, not_found_headers
from origin.edge.mount import Mount
from origin.edge.upstream import Upstream
from origin.http.caching import NO_STORE, cache_control
from origin.http.conditions import Conditions
from origin.http.fields import Fields, combined, values_of, without
from origin.http.reply import Header, Reply
from origin.media.cmcd import without_cmcd
from origin.media.kinds import Kind, format_of
from origin.media.target import Target
from origin.serving.inbound import Inbound
from origin.shield.asked import Asked
from origin.shield.shield import Answered

# Of one viewer, or of the hop between the viewer and here; never true of a pull that is for all.
_OF_THE_VIEWER = frozenset(
    {"referer", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded", "client-cert"}
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
_SHOWN = frozenset({200, 206, 304})


async def answer_pulled(
    mount: Mount, upstream: Upstream, target: Target, admission: Admission, inbound: Inbound, now: float
) -> Answered:
    """The reply. Raises `UpstreamError` and `StoreError`."""
    asked = asked_of(mount, upstream, target, admission, inbound)
    answered = await upstream.shield.answer(asked, now)
    reply = answered.reply
    fields = _shown_fields(mount, asked, target.kind, admission.audience, reply, inbound)
    return Answered(Reply(reply.status, fields, reply.body, reply.must_close), answered.outcome)


def asked_of(mount: Mount, upstream: Upstream, target: Target, admission: Admission, inbound: Inbound) -> Asked:
    """The request as the shield may know it: without the viewer's token and without what is for this hop alone."""
    drop = _OF_THE_VIEWER | upstream.own_fields
    if mount.protection is not None:
        # A token may ride in them, and no answer to one viewer's credentials is for another.
        drop |= _CREDENTIALS
    fields = without(inbound.fields.items(), drop)
    query = without_cmcd(admission.query) if upstream.keeps_query else ""
    return replace(
        ask_for(mount.name.prefix, upstream, mount.policy, target.path, query),
        method=inbound.method,
        fields=fields,
        body=inbound.body,
        boundary=boundary_for(Conditions.from_fields(inbound.facts.headers)),
    )


def ask_for(prefix: str, upstream: Upstream, policy: CachePolicy, path: str, query: str = "") -> Asked:
    """What nobody in particular asks for: the object at `path` (decoded) below the mount at `prefix`."""
    known = format_of(path)
    below = f"/{quote(path, safe=_PATH_SAFE)}" + (f"?{query}" if query else "")
    return Asked(
        method="GET",
        url=f"{prefix.rstrip('/')}{below}",
        target=below,
        content_type=known.content_type,
        rule=None if upstream.is_http else rule_for(known.kind, policy),
        tags=upstream.tags_of(path),
    )


def rule_for(kind: Kind, policy: CachePolicy) -> str:
    """The Cache-Control of what a bucket says nothing about, for the shield alone."""
    if kind is Kind.KEY:
        return str(NO_STORE)
    recheck = max(1, round(policy.recheck))
    is_fixed = kind not in MANIFESTS and kind is not Kind.OTHER
    return (
        dict(lifetime_headers(kind, Audience.EVERYBODY, policy))["Cache-Control"] if is_fixed else f"max-age={recheck}"
    )


def _shown_fields(
    mount: Mount, asked: Asked, kind: Kind, audience: Audience, reply: Reply, inbound: Inbound
) -> tuple[Header, ...]:
    fields: Fields = reply.headers
    if inbound.field("Origin") is not None:
        fields = without(fields, _ABOUT_ORIGINS)
    own = combined(fields, "Cache-Control")
    is_ruled = asked.rule is not None and (own == asked.rule or (own is None and reply.status in {404, 410}))
    if mount.protection is None and not is_ruled:
        return fields
    return (*without(fields, _CACHING), *_lifetime(mount, kind, audience, reply))


def _lifetime(mount: Mount, kind: Kind, audience: Audience, reply: Reply) -> tuple[Header, ...]:
    """What a protected answer says, whatever the upstream said; but it is never kept where that forbade it."""
    if any("no-store" in value.lower() for value in values_of(reply.headers, "Cache-Control")):
        return (cache_control(NO_STORE),)
    if reply.status in {404, 410}:
        return not_found_headers(audience)
    if reply.status in _SHOWN:
        return lifetime_headers(kind, audience, mount.policy)
    return (cache_control(NO_STORE),)
