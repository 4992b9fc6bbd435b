"""Make the demonstration asset with a real ffmpeg, once."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from origin.demo.child import ChildFailed, run_child
from origin.demo.manifests import (
    UnusableOutput,
    finished_mpd,
    media_playlist,
    media_playlist_name,
    multivariant,
    read_tracks,
)
from origin.demo.plan import (
    MPD,
    MULTIVARIANT,
    SEGMENTS,
    AssetPlan,
    ffmpeg_arguments,
    progress_of,
    segment_folders,
)
from origin.demo.workshop import beside, in_thread, put_in_place, remove

Progress = Callable[[float], None]

_RECORD = ".asset.json"  # a dot file: no store serves it
_LIMIT_SECONDS = 180.0
_VERSION_LETTERS = 12


class AssetFailed(Exception):  # noqa: N818  # reads as the fact it is
    """The asset could not be made; the text is for the operator."""


async def ensure_asset(
    folder: Path,
    plan: AssetPlan = AssetPlan(),  # noqa: B008  # frozen
    *,
    on_progress: Progress = lambda _: None,
    limit_seconds: float = _LIMIT_SECONDS,
) -> bool:
    """Have the asset of `plan` in `folder`; True when it was made now, False when it was there.

    `on_progress` hears 0 to 1. Whatever ends this early, cancellation included, `folder` is as it was before.
    Raises `AssetFailed`.
    """
    if await in_thread(_is_current, folder, plan):
        return False
    program = await in_thread(find_ffmpeg)
    workshop = beside(folder)
    try:
        await in_thread(_furnish, workshop, plan)
        await _encode(program, workshop, plan, on_progress, limit_seconds)
        await in_thread(_finish, workshop, folder, plan)
    except (ChildFailed, UnusableOutput, OSError) as error:
        raise AssetFailed(f"the demonstration asset could not be made: {error}") from error
    finally:
        await in_thread(remove, workshop)
    on_progress(1.0)
    return True


def find_ffmpeg() -> str:
    """The program of the `demo` extra, else the one on PATH. Raises `AssetFailed` with what to do."""
    try:
        found: object = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if not isinstance(found, str):
        raise AssetFailed("no ffmpeg found: install `headgate[demo]`, or put an ffmpeg on PATH")
    return found


async def _encode(program: str, workshop: Path, plan: AssetPlan, on_progress: Progress, limit: float) -> None:
    def on_line(line: str) -> None:
        done = progress_of(line, plan)
        if done is not None:
            on_progress(done)

    on_progress(0.0)
    arguments = (program, *ffmpeg_arguments(plan))
    await run_child(arguments, directory=workshop, limit_seconds=limit, on_line=on_line)


def _is_current(folder: Path, plan: AssetPlan) -> bool:
    try:
        record = json.loads((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("fingerprint") == plan.fingerprint


def _furnish(workshop: Path, plan: AssetPlan) -> None:
    for name in segment_folders(plan):
        (workshop / name).mkdir(parents=True)


def _finish(workshop: Path, folder: Path, plan: AssetPlan) -> None:
    """Name the segments by their content, write the manifests over them, and move all to its place."""
    files = sorted(path for path in (workshop / SEGMENTS).rglob("*") if path.is_file())
    sizes = {path.relative_to(workshop).as_posix(): path.stat().st_size for path in files}
    version = _version_of(workshop, files)
    mpd = (workshop / MPD).read_text("utf-8")
    playlists = {path.name: path.read_text("utf-8") for path in workshop.glob("*.m3u8")}
    tracks = read_tracks(plan, playlists, mpd, sizes)
    (workshop / SEGMENTS).rename(workshop / version)
    for stream, track in enumerate(tracks):
        (workshop / media_playlist_name(stream)).write_text(media_playlist(track, version), "utf-8")
    (workshop / MULTIVARIANT).write_text(multivariant(plan, tracks), "utf-8")
    (workshop / MPD).write_text(finished_mpd(mpd, tracks, version), "utf-8")
    (workshop / _RECORD).write_text(json.dumps({"fingerprint": plan.fingerprint}), "utf-8")
    put_in_place(workshop, folder)


def _version_of(workshop: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(workshop).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_VERSION_LETTERS]
