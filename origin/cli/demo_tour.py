"""What the demo shows: one asset under five mounts, one for each propagation mode, and the page that plays them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Transport
from origin.demo.page import PAGE_HEADERS, PREFIX, Offer, PlayerPage, PlayerSite, player_site, render_player
from origin.edge.pages import MakePage, Page, fixed
from origin.http.reply import Header
from origin.keystore.file import add_key, read_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from origin.settings import Mount, Settings

HLS = "clock/index.m3u8"
DASH = "clock/manifest.mpd"
_TOKEN_SECONDS = 4 * 3600
_OPEN_PREFIX = "/open"
_LABELS = {
    "/vod": "query: in every URL",
    "/define": "define: players add it",
    "/path": "path: URLs inherit it",
    "/cookie": "cookie: set once",
}


def configuration(host: str, port: int, state: Path) -> dict[str, object]:
    """The demo's settings, as the tables of a configuration file."""
    media = f"file://{state / 'media'}"
    signed = {"access": "signed", "keys": "demo", "storage": media}
    return {
        "public": {"host": host, "port": port},
        "admin": {"host": host, "port": 0},
        "server": {"drain_seconds": 1},  # whoever plays with it does not wait for it
        "log": {"access": False, "format": "text", "level": "warning"},
        "keyrings": {"demo": {"file": str(key_file(state))}},
        "mount": [
            {"prefix": "/vod", "propagate": "query", **signed},
            {"prefix": "/define", "propagate": "define", **signed},
            {"prefix": "/path", "propagate": "path", **signed},
            {"prefix": "/cookie", "propagate": "cookie", "cors": {"origins": []}, **signed},
            {"prefix": _OPEN_PREFIX, "access": "open", "storage": media},
        ],
    }


def key_file(state: Path) -> Path:
    """Where the demo's signing key is."""
    return state / "keys.json"


def ensure_key(state: Path) -> None:
    """Make the demo's signing key unless there is one."""
    file = key_file(state)
    if not file.exists():
        state.mkdir(parents=True, exist_ok=True)
        add_key(file, new_key(Algorithm.HS256))


@dataclass(frozen=True, slots=True)
class Tour:
    """The demo's signed mounts, their key, and the player's files."""

    mounts: tuple[Mount, ...]
    ring: KeyRing
    site: PlayerSite

    def urls(self, public: str, admin: str, now: float) -> dict[str, str]:
        """Every URL that the command prints."""
        offer = self._offer(self.mounts[0], now)
        return {
            "hls_url": f"{public}{offer.hls}",
            "dash_url": f"{public}{offer.dash}",
            "hls_unsigned_url": f"{public}{_OPEN_PREFIX}/{HLS}",
            "dash_unsigned_url": f"{public}{_OPEN_PREFIX}/{DASH}",
            "player_url": f"{public}{PREFIX}/",
            "metrics_url": f"{admin}/metrics",
        }

    def pages(self) -> Mapping[str, MakePage]:
        """The player page, signed anew for each visit, and its files."""
        files = {path: fixed(_page(file.headers, file.body)) for path, file in self.site.files.items()}
        return {**files, f"{PREFIX}/": self._page, PREFIX: self._page}

    def _page(self, now: float) -> Page:
        offers = tuple(self._offer(mount, now) for mount in self.mounts)
        body = render_player(PlayerPage("Signed playback demo", offers), self.site)
        return _page(PAGE_HEADERS, body)

    def _offer(self, mount: Mount, now: float) -> Offer:
        gate = Gate(realm_of(mount))
        transport = Transport.PATH if mount.propagate == "path" else Transport.QUERY
        claims = Claims(
            subject="demo-viewer",
            issued_at=float(int(now)),
            expires=float(int(now) + _TOKEN_SECONDS),
            token_id=secrets.token_urlsafe(9),
            scope=PathScope.prefix(f"{mount.prefix}/clock/"),
        )
        hls, dash = (
            gate.sign(f"{mount.prefix}/{name}", replace(claims), self.ring, now, transport) for name in (HLS, DASH)
        )
        return Offer(mount.propagate, _LABELS[mount.prefix], hls, dash, claims.expires)


def _page(headers: Iterable[Header], body: bytes) -> Page:
    """A page of the public listener, which writes the validators and the sniffing rule itself."""
    own = {"content-type", "etag", "x-content-type-options"}
    content_type = next(value for name, value in headers if name.lower() == "content-type")
    return Page(content_type, body, tuple((name, value) for name, value in headers if name.lower() not in own))


def open_tour(settings: Settings, state: Path) -> Tour:
    """Read the demo's key and the player's files."""
    signed = tuple(mount for mount in settings.mount if mount.access == "signed")
    return Tour(signed, read_ring(key_file(state))[0], player_site(state))
