"""From a fresh directory to a signed playlist that plays, in four commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.processes import ROOT, headgate, serving

pytestmark = pytest.mark.system

EXAMPLE = ROOT / "deploy" / "headgate.example.toml"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST\n"


def test_the_example_serves_a_signed_directory(tmp_path: Path) -> None:
    film = tmp_path / "vod" / "film"
    film.mkdir(parents=True)  # mkdir -p vod/film; and the example is copied to headgate.toml
    (tmp_path / "headgate.toml").write_text(EXAMPLE.read_text())
    (film / "index.m3u8").write_text(PLAYLIST)
    (film / "1.ts").write_bytes(b"segment")
    assert headgate("keys", "new", "keys.json", cwd=tmp_path).returncode == 0
    assert headgate("doctor", cwd=tmp_path).returncode == 0
    signed = headgate("sign", "/vod/film/index.m3u8", cwd=tmp_path).stdout.strip()
    with serving(tmp_path / "headgate.toml", HEADGATE_PUBLIC__PORT="0", HEADGATE_ADMIN__PORT="0") as gateway:
        playlist = gateway.get(signed)
        assert playlist.status == 200
        [segment] = [line for line in playlist.body.decode().splitlines() if line.startswith("1.ts")]
        assert gateway.get(f"/vod/film/{segment}").body == b"segment"
        assert gateway.get("/vod/film/1.ts").status == 401
        assert gateway.get("/vod/film/index.m3u8").status == 401
