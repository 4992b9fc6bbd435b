"""Where paths lead, and which are left to others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth import Gate, Realm
from auth.carriage import Carriage
from auth.realm import Accepted
from origin.lane.routes import Routes, is_served
from origin.ledger.limits import Limits
from origin.media.kinds import Kind
from tests.origin.lane.scenes import REDACTOR, Site, protection


def test_a_path_is_worked_out_once() -> None:
    routes = Site().routes()
    route = routes.find(b"/vod/film/index.m3u8")
    assert route is not None
    assert (route.target.path, route.target.asset, route.is_manifest) == ("film/index.m3u8", "film", True)
    assert (route.path, route.shown, route.normal) == ("/vod/film/index.m3u8", b"/vod/film/index.m3u8", route.path)
    assert routes.find(b"/vod/film/index.m3u8") is route
    segment = routes.find(b"/open/film/1.m4s")
    assert segment is not None
    assert (segment.is_manifest, segment.target.kind) == (False, Kind.SEGMENT)


@pytest.mark.parametrize(
    "path", [b"/", b"/other/a.ts", b"/open", b"/open/", b"/open/../vod/a", b"/open//a", b"/open/taken", b"/open/a.key"]
)
def test_what_is_left_to_others(path: bytes) -> None:
    assert Site().routes().find(path) is None


def test_a_path_that_must_not_be_written_down_is_left_to_others() -> None:
    assert Site().routes().find(b"/open/eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln/a.ts") is None


def test_a_nested_mount_that_is_not_served_hides_nothing() -> None:
    first, second = Site().mounts()
    nested = replace(second, name=replace(first.name, prefix="/open/inner"), protection=protection(proof=object()))
    routes = Routes([first, nested], lambda _path: False, REDACTOR)
    assert routes.find(b"/open/a.ts") is not None
    assert routes.find(b"/open/inner/a.ts") is None


def test_mounts_whose_answers_depend_on_more() -> None:
    plain, closed = Site().mounts()
    assert is_served(plain)
    assert is_served(closed)
    by_range = Gate(Realm("/vod", (Accepted(carriage=Carriage(header="range")),)))
    for other in (protection(proof=object()), protection(limits=Limits(max_streams=1)), protection(gate=by_range)):
        assert not is_served(replace(closed, protection=other))
    assert not is_served(replace(plain, content_keys=lambda: None))  # type: ignore[arg-type,return-value]
