"""Edges from settings: each kind has its adapter, and secrets come from the environment."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from origin.edges import BadEdge, edge_of, open_edges
from origin.outbound.cloudflare import Cloudflare
from origin.outbound.cloudfront import CloudFront
from origin.outbound.edge import Edge
from origin.outbound.fastly import Fastly
from origin.outbound.nginx import Nginx
from origin.outbound.sigv4 import AwsKey
from origin.outbound.varnish import Varnish
from origin.settings import parse
from origin.settings.edges import EdgePurge
from origin.telemetry.series import Families
from origin.telemetry.upstream_metrics import UpstreamMetrics, UpstreamVocabulary

SITES = ("https://cdn.example",)
ENVIRON = {"ID": "id", "SECRET": "secret", "SESSION": "session"}


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        (
            EdgePurge(name="e", kind="nginx", url="http://10.0.0.5", host="cdn.example", globs=True),
            Nginx("e", "http://10.0.0.5", "cdn.example", True),
        ),
        (
            EdgePurge(name="e", kind="varnish", url="http://10.0.0.6:6081", xkey=False),
            Varnish("e", "http://10.0.0.6:6081", None, False),
        ),
        (
            EdgePurge(name="e", kind="fastly", service="s", key_env="SECRET", sites=SITES),
            Fastly("e", "s", "secret", SITES),
        ),
        (
            EdgePurge(
                name="e", kind="cloudflare", service="z", key_env="SECRET", sites=SITES, url="http://127.0.0.1:1"
            ),
            Cloudflare("e", "z", "secret", SITES, base="http://127.0.0.1:1"),
        ),
        (
            EdgePurge(
                name="e", kind="cloudfront", service="d", key_env="ID", secret_env="SECRET", session_env="SESSION"
            ),
            CloudFront("e", "d", AwsKey("id", "secret", "session")),
        ),
    ],
)
def test_each_kind(edge: EdgePurge, expected: Edge) -> None:
    assert edge_of(edge, ENVIRON) == expected


def test_a_secret_that_is_not_there_is_told_by_the_name_of_its_variable() -> None:
    with pytest.raises(BadEdge, match="edge e: the environment variable SECRET holds no secret"):
        edge_of(EdgePurge(name="e", kind="fastly", service="s", key_env="SECRET", sites=SITES), {})


async def test_all_that_are_configured_are_opened() -> None:
    tables = {
        "mount": [{"prefix": "/vod", "storage": "memory:", "access": "open"}],
        "edge_purge": [{"name": name, "kind": "nginx", "url": "http://10.0.0.5"} for name in ("a", "b")],
    }
    async with AsyncExitStack() as stack:
        metrics = UpstreamMetrics(Families(), UpstreamVocabulary())
        outbound = open_edges(parse(tables, Path("/")), ENVIRON, metrics, stack)
        assert len(outbound._pushers) == 2
