"""The command table as a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from origin import __version__
from origin.cli.trouble import Command, ExitCode


def build(program: str, commands: Mapping[str, Command], groups: Mapping[str, str]) -> Callable[[list[str]], int]:
    """A function from arguments to exit code; errors in the arguments come out as `typer.TyperException`."""
    app = _app(help="CDN edge origin and signed-URL streaming gateway for HLS and DASH.")
    app.callback()(_options)
    apps = {"": app} | {name: _app(help=text) for name, text in groups.items()}
    for name, text in groups.items():
        app.add_typer(apps[name], name=name, help=text)
    for words, command in commands.items():
        group, _, name = words.rpartition(" ")
        apps[group].command(name)(command)
    parser = typer.main.get_command(app)

    def run(arguments: list[str]) -> int:
        return parser.main(arguments, prog_name=program, standalone_mode=False) or ExitCode.OK

    return run


def _app(help: str) -> typer.Typer:  # noqa: A002  # typer's own word
    return typer.Typer(help=help, add_completion=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"headgate {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The options before any command."""
