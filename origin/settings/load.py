"""From a file and an environment to `Settings`, or to everything that is wrong with them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from origin.settings.checks import findings
from origin.settings.environment import override
from origin.settings.problems import Problem, SettingsError, attributed
from origin.settings.salvage import salvage
from origin.settings.tree import DIALECTS, Settings


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the TOML file at `path` (None: defaults) with the `HEADGATE_…` variables laid over it.

    Relative paths are relative to the file, or to the working directory when there is no file. Raises
    `SettingsError` with every problem at once.
    """
    laid = override({} if path is None else _read(path), environ)
    base = Path.cwd() if path is None else path.absolute().parent
    settings, problems = _judge(laid.tables, base, DIALECTS)
    problems = [*laid.problems, *(attributed(problem, laid.sources) for problem in problems)]
    if problems:
        raise SettingsError(problems)
    return settings


def parse(tables: Mapping[str, object], base: Path, dialects: Collection[str] = DIALECTS) -> Settings:
    """The settings that `tables` hold, as `tomllib` would give them; paths are relative to `base`."""
    settings, problems = _judge(tables, base, dialects)
    if problems:
        raise SettingsError(problems)
    return settings


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([Problem("", f"cannot be read: {error.strerror or 'unknown error'}")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Problem("", f"is not UTF-8 (byte {error.start})")]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Problem("", f"is not TOML: {error}")]) from None


def _judge(tables: Mapping[str, object], base: Path, dialects: Collection[str]) -> tuple[Settings, list[Problem]]:
    """The tree, and every problem: in single keys, then between those that are right by themselves."""
    salvaged = salvage(tables, base)
    between = [
        finding.problem
        for finding in findings(salvaged.settings, dialects)
        if all(map(salvaged.is_sound, (finding.problem.key, *finding.reads)))
    ]
    return salvaged.settings, [*salvaged.problems, *between]
