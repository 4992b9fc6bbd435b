"""The files that every peer serves, and the tokens that every peer checks."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auth import Claims, Gate, Key, KeyRing, PathScope, Realm
from benchmarks.load.rows import Row

EXPIRES = 4_102_444_800  # 2100-01-01: no run outlives its tokens
SECURE_LINK_SECRET = "benchmark"
PLAYLIST_SEGMENTS = 40


@dataclass(frozen=True, slots=True)
class Fixtures:
    """Where the files are and which key signs."""

    root: Path
    keys_file: Path

    @property
    def media(self) -> Path:
        """The document root of every peer."""
        return self.root / "media"


def make_fixtures(root: Path) -> Fixtures:
    """Write playlist, segments and a signing key below `root`."""
    media = root / "media"
    media.mkdir(parents=True)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", '#EXT-X-MAP:URI="init.mp4"']
    for number in range(PLAYLIST_SEGMENTS):
        lines += ["#EXTINF:4.000,", f"seg{number:05d}.m4s"]
    (media / "index.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    for name, size in {"200k.m4s": 200_000, "1m.m4s": 1_000_000, "4m.m4s": 4_000_000, "100m.mp4": 100_000_000}.items():
        (media / name).write_bytes(os.urandom(size))
    keys_file = root / "keys.json"
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    keys_file.write_text(json.dumps({"keys": [{"kty": "oct", "kid": "bench", "alg": "HS256", "use": "sig", "k": key}]}))
    keys_file.chmod(0o600)
    return Fixtures(root, keys_file)


def secure_link_targets(row: Row) -> Iterator[str]:
    """nginx `secure_link_md5 "$secure_link_expires$uri$arg_viewer secret"`: a different link for each viewer."""
    for viewer in range(row.viewers):
        text = f"{EXPIRES}/{row.path}{viewer} {SECURE_LINK_SECRET}"
        digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
        link = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        yield f"/{row.path}?viewer={viewer}&md5={link}&expires={EXPIRES}"


def plain_targets(row: Row) -> Iterator[str]:
    """For peers that check nothing: a query of its own for each viewer, as long as a token."""
    for viewer in range(row.viewers):
        yield f"/{row.path}?viewer={viewer}"


def jwt_targets(row: Row, key: Key) -> Iterator[str]:
    """A token of its own for each viewer."""
    gate = Gate(Realm("/vod"))
    ring = KeyRing((key,))
    for viewer in range(row.viewers):
        claims = Claims(subject=f"viewer-{viewer}", expires=EXPIRES, scope=PathScope.prefix("/vod"))
        yield gate.sign(f"/vod/{row.path}", claims, ring, now=0)
