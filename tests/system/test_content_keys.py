"""A real ffmpeg makes an encrypted stream, and plays it with the key that the gateway hands out."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import subprocess
from pathlib import Path

import pytest

from tests.parts import find_part
from tests.stories.gateway import Gateway, running

pytestmark = [pytest.mark.system, pytest.mark.needs("ffmpeg"), pytest.mark.timeout(120)]

SECONDS = 6.0
PICTURE = f"testsrc2=size=320x180:rate=25:duration={SECONDS}"
KID, KEY = secrets.token_bytes(16), secrets.token_bytes(16)


def ffmpeg(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = find_part("ffmpeg")
    assert found is not None
    return subprocess.run(
        [str(found), "-hide_banner", "-loglevel", "error", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def encrypt(folder: Path) -> None:
    """An asset whose playlist names its key beside it; the key itself is not there."""
    folder.mkdir(parents=True)
    key, info = folder.parent / "key", folder.parent / "key_info"
    key.write_bytes(KEY)
    info.write_text(f"{KID.hex()}.key\n{key}\n")
    packaging = ("-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_key_info_file", str(info))
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50")
    done = ffmpeg("-f", "lavfi", "-i", PICTURE, *coding, *packaging, str(folder / "index.m3u8"))
    assert (done.returncode, done.stderr) == (0, "")
    key.unlink()
    assert f'METHOD=AES-128,URI="{KID.hex()}.key"' in (folder / "index.m3u8").read_text()


def mounts(folder: Path, key: bytes, mode: str) -> list[dict[str, object]]:
    path = folder / "content-keys.json"
    path.touch(0o600)
    path.write_text(json.dumps({"keys": [{"asset": "film", "kid": KID.hex(), "k": key.hex()}]}))
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    return [{**signed, "content_keys": path.name, "propagate": mode, "session": {"exchange": "always"}}]


async def play(gateway: Gateway, token: str) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{gateway.where.public_port}/vod/film/index.m3u8?token={token}"
    return await asyncio.to_thread(
        ffmpeg, "-xerror", "-progress", "pipe:1", "-i", url, "-map", "0:v:0", "-f", "null", "/dev/null"
    )


@pytest.mark.parametrize("mode", ["query", "path"])
async def test_it_plays_with_the_key_from_the_store(mode: str, tmp_path: Path) -> None:
    encrypt(tmp_path / "media" / "film")
    async with running(tmp_path, mounts(tmp_path, KEY, mode)) as gateway:
        done = await play(gateway, gateway.token("/vod/film"))
        assert (done.returncode, done.stderr) == (0, "")
        reached = re.findall(r"^out_time_us=(\d+)$", done.stdout, re.MULTILINE)
        assert int(reached[-1]) / 1_000_000 == pytest.approx(SECONDS, abs=0.1)


async def test_another_key_opens_nothing(tmp_path: Path) -> None:
    encrypt(tmp_path / "media" / "film")
    async with running(tmp_path, mounts(tmp_path, secrets.token_bytes(16), "query")) as gateway:
        assert (await play(gateway, gateway.token("/vod/film"))).returncode != 0
