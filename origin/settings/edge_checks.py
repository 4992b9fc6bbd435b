"""Rules about the edges that are told of purges."""

from __future__ import annotations

from collections.abc import Iterator

from origin.settings.edges import EdgePurge
from origin.settings.problems import Finding, Problem

# What each kind cannot do without.
_NEEDS: dict[str, tuple[str, ...]] = {
    "nginx": ("url",),
    "varnish": ("url",),
    "fastly": ("service", "key_env", "sites"),
    "cloudflare": ("service", "key_env", "sites"),
    "cloudfront": ("service", "key_env", "secret_env"),
}


def edge_findings(edges: tuple[EdgePurge, ...]) -> Iterator[Finding]:
    """What is missing, and names that are there twice."""
    first: dict[str, str] = {}
    for index, edge in enumerate(edges):
        at = f"edge_purge[{index}]"
        for key in _NEEDS[edge.kind]:
            if not getattr(edge, key):
                yield Finding(Problem(f"{at}.{key}", f'is required when kind is "{edge.kind}"'), (f"{at}.kind",))
        if edge.name in first:
            other = first[edge.name]
            yield Finding(Problem(f"{at}.name", f"is the same as {other}"), (other,))
        first.setdefault(edge.name, f"{at}.name")
