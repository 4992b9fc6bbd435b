"""The player page: what it is rendered from, and every file it needs with its headers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from origin.demo.players import InstalledBundle, integrity, load_players

Header = tuple[str, str]
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

PREFIX = "/player"
_ROOM = Path(__file__).parent
_SCRIPT = "text/javascript; charset=utf-8"
_STATIC = {
    "player.css": "text/css; charset=utf-8",
    "player.js": _SCRIPT,
    "engines.js": _SCRIPT,
    "readout.js": _SCRIPT,
    "icon.svg": "image/svg+xml",
}
_NOT_SNIFFED = ("X-Content-Type-Options", "nosniff")

# Players feed the video element through blob: URLs and run demuxers in blob: workers; nothing else is foreign.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# The page carries signed URLs: it is for its viewer alone, and no address of it leaves with a request.
PAGE_HEADERS: tuple[Header, ...] = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    _NOT_SNIFFED,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to the asset: the signed URLs of one propagation mode.

    `claims` are shown as they are; when they are None the page decodes a JWT found in the URL.
    `expires_at` is in Unix seconds.
    """

    mode: str  # "query", "define", "path", "cookie" or "none"
    label: str
    hls: str | None
    dash: str | None
    expires_at: float | None = None
    claims: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class PlayerPage:
    """What one rendering of the page shows; the first offer is chosen at the start."""

    title: str
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page: its URL path, its bytes and its header fields (Content-Length is the sender's)."""

    path: str
    body: bytes
    integrity: str
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class PlayerSite:
    """What is loaded once: the files below `/player/` by URL path, the player bundles among them by package."""

    files: Mapping[str, StaticFile]
    bundles: Mapping[str, StaticFile]
    template: Template


def player_site(state: Path) -> PlayerSite:
    """Load the page's own files and the bundles in `state/players`. Reads files: call it once, at the start.

    Raises `PlayersFailed` when the bundles are not installed.
    """
    own = [_own_file(name, content_type) for name, content_type in _STATIC.items()]
    bundles = {bundle.package: _bundle_file(bundle) for bundle in load_players(state / "players")}
    templates = Environment(loader=FileSystemLoader(_ROOM / "templates"), autoescape=True, undefined=StrictUndefined)
    files = {file.path: file for file in (*own, *bundles.values())}
    return PlayerSite(files, bundles, templates.get_template("player.html.j2"))


def render_player(page: PlayerPage, site: PlayerSite) -> bytes:
    """The page as UTF-8; to be sent with `PAGE_HEADERS`."""
    text = site.template.render(title=page.title, prefix=PREFIX, files=site.files, setup=_setup(page, site.bundles))
    return text.encode()


def _setup(page: PlayerPage, bundles: Mapping[str, StaticFile]) -> dict[str, Json]:
    """What the script reads from the page."""
    offers: list[Json] = [
        {
            "mode": offer.mode,
            "label": offer.label,
            "hls": offer.hls,
            "dash": offer.dash,
            "expires_at": offer.expires_at,
            "claims": None if offer.claims is None else dict(offer.claims),
        }
        for offer in page.offers
    ]
    scripts: dict[str, Json] = {
        package: {"src": file.path, "integrity": file.integrity} for package, file in bundles.items()
    }
    return {"offers": offers, "bundles": scripts}


def _own_file(name: str, content_type: str) -> StaticFile:
    body = (_ROOM / "static" / name).read_bytes()
    return _static_file(f"{PREFIX}/{name}", content_type, body, "no-cache")


def _bundle_file(bundle: InstalledBundle) -> StaticFile:
    path = f"{PREFIX}/{bundle.package}-{bundle.version}/{bundle.name}"
    return _static_file(path, _SCRIPT, bundle.body, "public, max-age=31536000, immutable")


def _static_file(path: str, content_type: str, body: bytes, cache_control: str) -> StaticFile:
    headers = (
        ("Content-Type", content_type),
        ("Cache-Control", cache_control),
        ("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),
        _NOT_SNIFFED,
    )
    return StaticFile(path, body, integrity(body), headers)
