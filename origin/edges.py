"""Settings of the edges in front → who tells them of purges."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

from origin import settings
from origin.outbound.cloudflare import Cloudflare
from origin.outbound.cloudfront import CloudFront
from origin.outbound.edge import Edge
from origin.outbound.fastly import Fastly
from origin.outbound.nginx import Nginx
from origin.outbound.pushing import EdgePusher, OutboundPurges, Pace
from origin.outbound.sigv4 import AwsKey
from origin.outbound.transport import Transport
from origin.outbound.varnish import Varnish
from origin.settings.edges import EdgePurge
from origin.telemetry.upstream_metrics import UpstreamMetrics


class BadEdge(ValueError):  # noqa: N818  # reads as the verdict it is
    """An edge that cannot be told of purges: its secret is missing from the environment."""


def open_edges(
    configured: settings.Settings, environ: Mapping[str, str], metrics: UpstreamMetrics, stack: AsyncExitStack
) -> OutboundPurges:
    """Who tells the edges. Raises `BadEdge`."""
    pushers = []
    for one in configured.edge_purge:
        transport = Transport(time_limit=one.timeout_seconds)
        stack.push_async_callback(transport.close)
        pace = Pace(attempts=one.attempts)
        edge = edge_of(one, environ)
        pushers.append(EdgePusher(edge, transport.send, metrics, pace=pace, clock=time.time, jitter=random.random))
    return OutboundPurges(pushers)


def edge_of(one: EdgePurge, environ: Mapping[str, str]) -> Edge:
    """The adapter for one edge. Raises `BadEdge`."""
    base, service = one.url or "", one.service or ""
    match one.kind:
        case "nginx":
            return Nginx(one.name, base, one.host, one.globs)
        case "varnish":
            return Varnish(one.name, base, one.host, one.xkey)
        case "fastly":
            api = {"base": base} if base else {}
            return Fastly(one.name, service, _secret(one, one.key_env, environ), one.sites, **api)
        case "cloudflare":
            api = {"base": base} if base else {}
            return Cloudflare(one.name, service, _secret(one, one.key_env, environ), one.sites, **api)
        case "cloudfront":
            api = {"base": base} if base else {}
            session = None if one.session_env is None else _secret(one, one.session_env, environ)
            key = AwsKey(_secret(one, one.key_env, environ), _secret(one, one.secret_env, environ), session)
            return CloudFront(one.name, service, key, **api)


def _secret(one: EdgePurge, variable: str | None, environ: Mapping[str, str]) -> str:
    value = environ.get(variable or "", "")
    if not value:
        raise BadEdge(f"edge {one.name}: the environment variable {variable} holds no secret")
    return value
