from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from lxml import etree

from origin.demo.page import CONTENT_SECURITY_POLICY, PAGE_HEADERS, Offer, PlayerPage, PlayerSite, player_site
from origin.demo.page import render_player as render
from origin.demo.players import BUNDLES, PlayersFailed, integrity
from origin.demo.players import __file__ as players_file

HOSTILE = """</script><script>alert(1)</script>"'><img src=x onerror=alert(1)> & {{ 7*7 }}"""
OFFER = Offer("query", "Query parameter", "/vod/clock/index.m3u8?token=t", None, 1_800_000_000.0)


@pytest.fixture
def site(tmp_path: Path) -> PlayerSite:
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
    return player_site(tmp_path)


def elements(tree: etree._Element, xpath: str) -> list[etree._Element]:
    found = tree.xpath(xpath)
    assert isinstance(found, list)
    return [element for element in found if isinstance(element, etree._Element)]


def values(tree: etree._Element, xpath: str) -> list[str]:
    found = tree.xpath(xpath)
    assert isinstance(found, list)
    return [value for value in found if isinstance(value, str)]


def parse(page: bytes) -> etree._Element:
    return etree.fromstring(page, etree.HTMLParser(encoding="utf-8"))


def setup_of(page: bytes) -> dict[str, object]:
    [script] = elements(parse(page), "//script[@id='setup']")
    setup: dict[str, object] = json.loads(script.text or "")
    return setup


async def test_rendering_reads_no_file(site: PlayerSite) -> None:
    # On the loop, where the suite forbids our code to block.
    assert render(PlayerPage("Clock", (OFFER,)), site) == render(PlayerPage("Clock", (OFFER,)), site)


def test_hostile_values_stay_values(site: PlayerSite) -> None:
    offer = Offer(HOSTILE, HOSTILE, HOSTILE, HOSTILE, None, {HOSTILE: [HOSTILE]})
    page = render(PlayerPage(HOSTILE, (offer,)), site)
    tree = parse(page)
    assert values(tree, "//h1/text()") == [HOSTILE]
    assert values(tree, "//video/@aria-label") == [HOSTILE]
    assert not elements(tree, "//img[@onerror] | //script[not(@src) and not(@type='application/json')]")
    assert setup_of(page)["offers"] == [
        {
            "mode": HOSTILE,
            "label": HOSTILE,
            "hls": HOSTILE,
            "dash": HOSTILE,
            "expires_at": None,
            "claims": {HOSTILE: [HOSTILE]},
        }
    ]


def test_everything_referenced_is_served_with_its_digest(site: PlayerSite) -> None:
    page = render(PlayerPage("Clock", (OFFER,)), site)
    tree = parse(page)
    checked = 0
    for element in elements(tree, "//script[@src] | //link[@href] | //img[@src]"):
        file = site.files[element.get("src") or element.get("href") or ""]
        if element.tag == "script" or element.get("rel") in ("stylesheet", "modulepreload"):
            assert element.get("integrity") == file.integrity == integrity(file.body)
            checked += 1
    assert checked == 4
    bundles = setup_of(page)["bundles"]
    assert isinstance(bundles, dict)
    for bundle in bundles.values():
        assert site.files[bundle["src"]].integrity == bundle["integrity"]


def test_modules_import_only_what_is_preloaded_with_a_digest(site: PlayerSite) -> None:
    tree = parse(render(PlayerPage("Clock", (OFFER,)), site))
    preloaded = set(values(tree, "//link[@rel='modulepreload']/@href"))
    scripts = [file for path, file in site.files.items() if path in preloaded or path == "/player/player.js"]
    imported = {name for file in scripts for name in re.findall(r'from "\./([^"]+)"', file.body.decode())}
    assert {f"/player/{name}" for name in imported} == preloaded


def test_scripts_know_only_elements_of_the_page(site: PlayerSite) -> None:
    tree = parse(render(PlayerPage("Clock", (OFFER,)), site))
    ids = set(values(tree, "//@id"))
    used = set()
    for name in ("player.js", "readout.js"):
        used |= set(re.findall(r'(?:byId|show)\("([a-z]+)"', site.files[f"/player/{name}"].body.decode()))
    assert used
    assert used <= ids


def test_every_control_has_a_name(site: PlayerSite) -> None:
    tree = parse(render(PlayerPage("Clock", (OFFER,)), site))
    for control in elements(tree, "//select | //input | //button | //video | //section | //form"):
        label = elements(control, f"ancestor::label | //label[@for='{control.get('id')}']")
        named = control.get("aria-label") or control.get("aria-labelledby") or label or control.text
        assert named, control.tag
    assert set(values(tree, "//@aria-labelledby")) <= set(values(tree, "//@id"))


def test_the_page_allows_no_inline_or_evaluated_script() -> None:
    assert dict(PAGE_HEADERS)["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    policy = dict(directive.split(" ", 1) for directive in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["worker-src"] == "blob:"
    assert "blob:" in policy["media-src"]


def test_the_page_is_for_its_viewer_alone() -> None:
    headers = dict(PAGE_HEADERS)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_versioned_bundles_may_be_kept_for_ever_and_our_files_not(site: PlayerSite) -> None:
    bundles = {file.path for file in site.bundles.values()}
    for path, file in site.files.items():
        headers = dict(file.headers)
        assert ("immutable" in headers["Cache-Control"]) == (path in bundles)
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert "/player/hls.js-1.7.4/hls.min.js" in bundles


def test_without_bundles_there_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(PlayersFailed):
        player_site(tmp_path)
