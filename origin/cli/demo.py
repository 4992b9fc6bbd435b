"""`headgate demo`: a stream made here, served signed in every propagation mode, and a page that plays it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from origin.cli.config import JsonOption
from origin.cli.serve import run_process
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from origin.server.process import Listening
    from origin.settings import Settings

_HOST = "127.0.0.1"


def demo(
    port: Annotated[int, Option(help="Port of the public listener; 0 takes any free one.")] = 8080,
    state: Annotated[Path, Option(help="Where the asset, the players and the key are kept.")] = Path(".demo"),
    as_json: JsonOption = False,
) -> None:
    """Make a demonstration stream if there is none yet, serve it until SIGTERM, and print its signed URLs."""
    state = state.absolute()
    settings = _settings(port, state)
    run_process(settings, lambda: _demo(settings, state, as_json=as_json))


def _settings(port: int, state: Path) -> Settings:
    from origin.cli.demo_tour import configuration
    from origin.settings import SettingsError, parse

    try:
        return parse(configuration(_HOST, port, state), state)
    except SettingsError as error:
        raise Trouble(ExitCode.USAGE, *map(str, error.problems)) from None


async def _demo(settings: Settings, state: Path, *, as_json: bool) -> None:
    import asyncio
    import time

    from origin.cli.demo_tour import ensure_key, open_tour
    from origin.runtime import open_runtime
    from origin.server.process import serve

    await _prepare(state)
    await asyncio.to_thread(ensure_key, state)
    tour = await asyncio.to_thread(open_tour, settings, state)

    def announce(where: Listening) -> None:
        urls = tour.urls(f"http://{_HOST}:{where.public_port}", f"http://{_HOST}:{where.admin_port}", time.time())
        print(json.dumps(urls) if as_json else _words(urls), flush=True)

    async with open_runtime(settings, tour.pages()) as runtime:
        await serve(settings, runtime, announce)


async def _prepare(state: Path) -> None:
    """Asset and players, with progress on standard error; what is there already is used again."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from origin.demo.ffmpeg import AssetFailed, ensure_asset
    from origin.demo.players import PlayersFailed, ensure_players

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        making = progress.add_task("Making a 40 s stream in three renditions", total=1.0, visible=False)

        def advance(done: float) -> None:
            progress.update(making, completed=done, visible=True)

        try:
            await ensure_asset(state / "media" / "clock", on_progress=advance)
            installing = progress.add_task("Installing the players", total=None, visible=False)
            say: Callable[[str], None] = lambda words: progress.update(installing, description=words, visible=True)  # noqa: E731
            await ensure_players(state / "players", say=say)
        except (AssetFailed, PlayersFailed) as error:
            raise Trouble(ExitCode.UNAVAILABLE, str(error)) from None


def _words(urls: dict[str, str]) -> str:
    return "\n".join(
        (
            "",
            f"  Player page   {urls['player_url']}",
            f"  HLS, signed   {urls['hls_url']}",
            f"  DASH, signed  {urls['dash_url']}",
            f"  Metrics       {urls['metrics_url']}",
            "",
            "  Without its token the same stream is refused; open, it is at",
            f"                {urls['hls_unsigned_url']}",
            f"                {urls['dash_unsigned_url']}",
            "",
            "  Ctrl-C ends it.",
        )
    )
