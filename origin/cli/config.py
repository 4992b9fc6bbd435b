"""`headgate config`: check and show the configuration, without starting anything."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from origin.settings import Problem, Settings, SettingsError

DEFAULT_FILE = Path("headgate.toml")

ConfigOption = Annotated[
    Path | None,
    Option("--config", envvar="HEADGATE_CONFIG", help=f"Configuration file; else {DEFAULT_FILE} here, if any."),
]
JsonOption = Annotated[bool, Option("--json", help="Answer in JSON, for programs.")]


def load_settings(path: Path | None) -> Settings:
    """The settings that every command works with; ends the command with all problems when there are any."""
    from origin.settings import SettingsError

    try:
        return _load(path)
    except SettingsError as error:
        raise Trouble(ExitCode.USAGE, *_lines(path, error)) from None


def check(config: ConfigOption = None, as_json: JsonOption = False) -> ExitCode | None:
    """Check the configuration and report every problem at once."""
    from origin.settings import SettingsError

    try:
        _load(config)
    except SettingsError as error:
        if not as_json:
            raise Trouble(ExitCode.USAGE, *_lines(config, error)) from None
        _print_verdict(error.problems)
        return ExitCode.USAGE
    if as_json:
        _print_verdict(())
    else:
        print("The configuration is valid.")
    return None


def show(config: ConfigOption = None) -> None:
    """Show the configuration in force as TOML: file, environment and defaults, with secrets masked."""
    from origin.settings import show as render

    print(render(load_settings(config)), end="")


def schema() -> None:
    """Show the JSON Schema of the configuration file."""
    from origin.settings import schema as render

    print(json.dumps(render(), indent=2))


def reference() -> None:
    """Show every key with its type, default and meaning, as Markdown."""
    from origin.settings import reference_markdown

    print(reference_markdown(), end="")


def _print_verdict(problems: tuple[Problem, ...]) -> None:
    print(json.dumps({"ok": not problems, "problems": [asdict(problem) for problem in problems]}, indent=2))


def _load(path: Path | None) -> Settings:
    import os

    from origin.server.worker_environment import DIRECTORY, SLOT
    from origin.settings import load

    told = {DIRECTORY, SLOT}  # by a supervisor to its worker: no settings
    return load(_file(path), {name: value for name, value in os.environ.items() if name not in told})


def _file(path: Path | None) -> Path | None:
    return path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def _lines(path: Path | None, error: SettingsError) -> list[str]:
    place = _file(path)
    prefix = f"{place}: " if place else ""
    return [f"{prefix}{problem}" for problem in error.problems]
