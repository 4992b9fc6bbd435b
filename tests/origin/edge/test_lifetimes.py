from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.edge.lifetimes import MANIFESTS, Audience, CachePolicy, lifetime_headers, not_found_headers
from origin.media.kinds import Kind

POLICY = CachePolicy(manifest=10, edge_manifest=3600, edge_stale=60)
EVERYBODY, VIEWER, EDGE = Audience.EVERYBODY, Audience.VIEWER, Audience.EDGE


@pytest.mark.parametrize(
    ("kind", "audience", "live", "player", "edge"),
    [
        (Kind.SEGMENT, EVERYBODY, None, "public, immutable, max-age=31536000", "immutable, max-age=31536000"),
        (Kind.SEGMENT, VIEWER, None, "private, immutable, max-age=31536000", None),
        (Kind.SEGMENT, EDGE, None, "private, immutable, max-age=31536000", "immutable, max-age=31536000"),
        (Kind.KEY, EVERYBODY, None, "no-store", None),
        (Kind.KEY, EDGE, None, "no-store", None),
        (
            Kind.MPD,
            EVERYBODY,
            None,
            "public, max-age=10",
            "max-age=3600, stale-while-revalidate=60, stale-if-error=60",
        ),
        (Kind.MPD, VIEWER, None, "private, max-age=10", None),
        (Kind.MEDIA_PLAYLIST, EVERYBODY, 6.0, "public, max-age=3", "max-age=3, stale-if-error=6"),
        (Kind.MEDIA_PLAYLIST, EDGE, 6.0, "private, max-age=3", "max-age=3, stale-if-error=6"),
        (Kind.MEDIA_PLAYLIST, VIEWER, 0.5, "private, max-age=1", None),
        (Kind.OTHER, EVERYBODY, None, "public, max-age=10", "max-age=10"),
    ],
)
def test_row(kind: Kind, audience: Audience, live: float | None, player: str, edge: str | None) -> None:
    fields = dict(lifetime_headers(kind, audience, POLICY, live))
    assert fields["Cache-Control"] == player
    assert fields.get("CDN-Cache-Control") == edge


def test_a_segment_may_have_an_end() -> None:
    (player, edge) = lifetime_headers(Kind.PART, EVERYBODY, CachePolicy(segments=5))
    assert (player[1], edge[1]) == ("public, max-age=5", "max-age=5")


@given(
    st.sampled_from(Kind),
    st.none() | st.floats(min_value=0.1, max_value=1000),
    st.builds(CachePolicy, manifest=st.integers(0, 100), edge_manifest=st.integers(0, 100)),
)
def test_what_is_for_one_viewer_no_shared_cache_may_keep(kind: Kind, live: float | None, policy: CachePolicy) -> None:
    fields = dict(lifetime_headers(kind, VIEWER, policy, live if kind in MANIFESTS else None))
    assert "CDN-Cache-Control" not in fields
    assert fields["Cache-Control"].split(", ")[0] in {"private", "no-store"}


@pytest.mark.parametrize(
    ("audience", "value"), [(EVERYBODY, "public, max-age=1"), (VIEWER, "no-store"), (EDGE, "no-store")]
)
def test_not_found(audience: Audience, value: str) -> None:
    assert not_found_headers(audience) == (("Cache-Control", value),)
