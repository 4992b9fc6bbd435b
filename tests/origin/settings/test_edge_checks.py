"""What each kind of edge cannot do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.settings import SettingsError, parse

MOUNT = {"prefix": "/vod", "storage": "memory:", "access": "open"}
CLOUDFRONT: dict[str, object] = {"kind": "cloudfront", "service": "E1", "key_env": "ID", "secret_env": "SECRET"}


def problems(*edges: dict[str, object]) -> list[str]:
    try:
        parse({"mount": [MOUNT], "edge_purge": list(edges)}, Path("/"))
    except SettingsError as error:
        return [problem.key for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("edge", "missing"),
    [
        ({"kind": "nginx"}, ["url"]),
        ({"kind": "varnish"}, ["url"]),
        ({"kind": "fastly", "service": "s"}, ["key_env", "sites"]),
        ({"kind": "cloudflare", "sites": ["https://cdn.example"]}, ["service", "key_env"]),
        ({"kind": "cloudfront", "key_env": "ID"}, ["service", "secret_env"]),
        (CLOUDFRONT, []),
        ({"kind": "nginx", "url": "http://10.0.0.5"}, []),
    ],
)
def test_what_is_missing(edge: dict[str, object], missing: list[str]) -> None:
    assert problems({"name": "one"} | edge) == [f"edge_purge[0].{key}" for key in missing]


def test_names_differ() -> None:
    one = CLOUDFRONT | {"name": "one"}
    assert problems(one, one) == ["edge_purge[1].name"]
