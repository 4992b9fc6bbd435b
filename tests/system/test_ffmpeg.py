"""A real ffmpeg reads the whole signed asset.

It keeps cookies by itself. It knows neither EXT-X-DEFINE's QUERYPARAM nor Annex I, so the mode `define` is not for it.
The ffprobe that the tests install cannot read DASH; there ffmpeg alone is the judge.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from auth import Transport
from tests.parts import find_part
from tests.system.demo import Demo, signed

pytestmark = [pytest.mark.system, pytest.mark.needs("ffmpeg", "ffprobe", "npm"), pytest.mark.timeout(300)]

MANIFESTS = ("index.m3u8", "manifest.mpd")
SECONDS = 40.0
MOUNTS = {"/vod": Transport.QUERY, "/path": Transport.PATH, "/cookie": Transport.QUERY}
EVERY_STREAM = ("-map", "0:v:0", "-map", "0:v:1", "-map", "0:v:2", "-map", "0:a:0")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = find_part(program)
    assert found is not None
    return subprocess.run(
        [str(found), "-hide_banner", "-loglevel", "error", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def decode(url: str) -> subprocess.CompletedProcess[str]:
    """Every frame of every stream; a stream that is not there, or cannot be decoded, is an error."""
    return run("ffmpeg", "-xerror", "-progress", "pipe:1", "-i", url, *EVERY_STREAM, "-f", "null", "/dev/null")


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("mount", MOUNTS)
def test_ffmpeg_decodes_all_of_it(demo: Demo, mount: str, manifest: str) -> None:
    done = decode(signed(demo, f"{mount}/clock/{manifest}", transport=MOUNTS[mount]))
    assert (done.returncode, done.stderr) == (0, "")
    reached = re.findall(r"^out_time_us=(\d+)$", done.stdout, re.MULTILINE)
    assert int(reached[-1]) / 1_000_000 == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("mount", MOUNTS)
def test_ffprobe_finds_all_of_it(demo: Demo, mount: str) -> None:
    url = signed(demo, f"{mount}/clock/index.m3u8", transport=MOUNTS[mount])
    done = run("ffprobe", "-show_entries", "format=duration:stream=codec_name,height", "-of", "json", url)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert float(found["format"]["duration"]) == pytest.approx(SECONDS, abs=0.1)
    streams = sorted((stream["codec_name"], stream.get("height")) for stream in found["streams"])
    assert streams == [("aac", None), ("h264", 234), ("h264", 360), ("h264", 540)]


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("mount", MOUNTS)
def test_an_expired_token_opens_nothing(demo: Demo, mount: str, manifest: str) -> None:
    url = signed(demo, f"{mount}/clock/{manifest}", expires_in=-60, transport=MOUNTS[mount])
    done = decode(url)
    assert done.returncode != 0
    assert "403 Forbidden" in done.stderr
