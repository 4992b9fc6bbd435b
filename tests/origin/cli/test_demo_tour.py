"""One asset under a mount for each propagation mode, and a page that is signed anew for each visit."""

from __future__ import annotations

import hashlib
import json
import stat
import time
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import pytest

from auth import Denied, Gate, Request
from origin.cli.demo_tour import Tour, configuration, ensure_key, key_file, open_tour
from origin.demo.players import BUNDLES, integrity
from origin.demo.players import __file__ as players_file
from origin.realms import realm_of
from origin.settings import Settings, parse
from origin.settings.mount import Propagation

HOST = "http://127.0.0.1:8080"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return parse(configuration("127.0.0.1", 8080, tmp_path), tmp_path)


@pytest.fixture
def tour(tmp_path: Path, settings: Settings) -> Tour:
    """A tour whose player bundles are stand-ins with a true record."""
    folder = tmp_path / "players"
    folder.mkdir()
    bodies = {bundle.name: f"// {bundle.package}\n".encode() for bundle in BUNDLES}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    lock = Path(players_file).with_name("web") / "package-lock.json"
    record = {
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "integrity": {name: integrity(body) for name, body in bodies.items()},
    }
    (folder / "players.json").write_text(json.dumps(record))
    ensure_key(tmp_path)
    return open_tour(settings, tmp_path)


def admit(tour: Tour, url: str, now: float) -> None:
    """Denied unless the gate of the mount lets the URL in."""
    parts = urlsplit(url)
    [mount] = [each for each in tour.mounts if parts.path.startswith(f"{each.prefix}/")]
    Gate(realm_of(mount)).admit(Request("GET", "http", "", parts.path, parts.query), tour.ring, now)


def test_every_propagation_mode_is_shown(settings: Settings) -> None:
    shown = {mount.propagate for mount in settings.mount if mount.access == "signed"}
    assert shown == set(get_args(Propagation)) - {"none"}
    assert [mount.prefix for mount in settings.mount if mount.access == "open"] == ["/open"]
    assert {mount.storage for mount in settings.mount} == {settings.mount[0].storage}


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    ensure_key(state)
    first = key_file(state).read_bytes()
    assert stat.S_IMODE(key_file(state).stat().st_mode) == 0o600
    ensure_key(state)
    assert key_file(state).read_bytes() == first


def test_the_printed_urls_are_let_in_for_four_hours(tour: Tour) -> None:
    now = time.time()
    urls = tour.urls(HOST, "http://127.0.0.1:9080", now)
    assert set(urls) == {"hls_url", "dash_url", "hls_unsigned_url", "dash_unsigned_url", "player_url", "metrics_url"}
    for name in ("hls_url", "dash_url"):
        admit(tour, urls[name].removeprefix(HOST), now)
        admit(tour, urls[name].removeprefix(HOST), now + 4 * 3600 - 5)
        with pytest.raises(Denied):
            admit(tour, urls[name].removeprefix(HOST), now + 4 * 3600 + 60)
    assert urls["hls_unsigned_url"] == f"{HOST}/open/clock/index.m3u8"
    assert urls["player_url"] == f"{HOST}/player/"


def test_the_page_is_signed_anew_and_everything_it_names_is_there(tour: Tour) -> None:
    pages = tour.pages()
    now = time.time()
    page = pages["/player/"](now)
    assert page.content_type.startswith("text/html")
    assert {name.lower() for name, _ in page.headers}.isdisjoint({"content-type", "etag", "x-content-type-options"})
    assert page.body != pages["/player/"](now + 60).body
    assert pages["/player"](now).content_type == page.content_type
    named = {path for path in pages if path.encode() in page.body} - {"/player/", "/player"}
    assert any(path.endswith(".css") for path in named)
    assert all(pages[path](now).body for path in named)
    for mount in tour.mounts:
        assert f"{mount.prefix}/".encode() in page.body
