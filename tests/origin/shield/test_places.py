"""Where the upstream's names lie below the mount."""

from __future__ import annotations

import pytest

from origin.shield.places import Place

PLACE = Place("/vod", "https://origin.example/media")
ROOT = Place("/", "https://origin.example")
BUCKET = Place("/vod", "bucket://bucket")


def test_a_target_there() -> None:
    assert PLACE.upstream_uri("/a?b=c") == "https://origin.example/media/a?b=c"
    assert ROOT.upstream_uri("/a") == "https://origin.example/a"


@pytest.mark.parametrize(
    ("place", "target", "public"),
    [
        (PLACE, "/media/a?b=c", "/vod/a?b=c"),
        (PLACE, "/media", None),
        (PLACE, "/mediation/a", None),
        (PLACE, "/other/a", None),
        (ROOT, "/a", "/a"),
        (BUCKET, "/a", "/vod/a"),
        (Place("/vod", "https://origin.example/"), "/a", "/vod/a"),
    ],
)
def test_a_target_here(place: Place, target: str, public: str | None) -> None:
    assert place.public(target) == public


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("/media/b", "/vod/b"),
        ("https://origin.example/media/b?x=1", "/vod/b?x=1"),
        ("https://origin.example:443/media/b", "/vod/b"),
        ("//origin.example/media/b", "/vod/b"),
        ("b", "b"),
        ("../media/b", "../media/b"),
        ("/b", "/b"),
        ("http://origin.example/media/b", "http://origin.example/media/b"),
        ("https://other.example/media/b", "https://other.example/media/b"),
        ("https://[", "https://["),
    ],
)
@pytest.mark.parametrize("name", ["Location", "content-location"])
def test_references(name: str, reference: str, told: str) -> None:
    assert PLACE.told(((name, reference), ("X", "/media/b")), "/a") == ((name, told), ("X", "/media/b"))


def test_fields_without_references_are_left_alone() -> None:
    fields = (("A", "/media/b"),)
    assert PLACE.told(fields, "/a") is fields
