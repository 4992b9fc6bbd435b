"""What is wrong with a configuration, in the operator's words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from origin.settings.keys import Shape, choices, declared_keys, table_at, table_in
from origin.settings.tree import Settings

_PLAIN_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a setting",
    "model_type": "should be a table",
    "mapping_type": "should be a table",
    "path_type": "should be a string",
    "tuple_type": "should be a list",
    "too_long": "has too many entries",
    "string_pattern_mismatch": "has characters or a length that are not allowed here",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. Never holds a value from the configuration that may be secret."""

    key: str  # "mount[0].cors.origins"; empty when the whole file is meant
    message: str
    hint: str = ""
    source: str = ""  # the environment variable that set the key

    def __str__(self) -> str:
        where = f"{self.key} (from {self.source})" if self.source else self.key
        sentence = f"{where}: {self.message}" if where else self.message
        return f"{sentence} ({self.hint})" if self.hint else sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem between keys, and the other keys that the rule has read."""

    problem: Problem
    reads: tuple[str, ...] = ()


class SettingsError(Exception):
    """A configuration that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: Collection[Problem]) -> None:
        """`problems` in the order in which they should be shown; at least one."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A hint that names the nearest known word, or nothing when none is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else ""


def key_path(location: tuple[str | int, ...]) -> str:
    """`("mount", 0, "prefix")` as an operator writes it: "mount[0].prefix"."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_one_line(part)}" for part in location]
    return "".join(parts).removeprefix(".")


def without_key_mark(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The location of a table whose name is at fault, which pydantic marks behind the name."""
    *tables, name, mark = ("", "", *location)
    is_marked = mark == "[key]" and isinstance(name, str)
    has_names = is_marked and table_at(Settings, tuple(tables[2:])) is None
    return location[:-1] if has_names and table_at(Settings, location[:-1]) is not None else location


def _one_line(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def attributed(problem: Problem, sources: Mapping[str, str]) -> Problem:
    """The problem with the environment variable that caused it; `sources` maps key path → variable."""
    key = problem.key
    source = next((sources[k] for k in sources if key == k or key.startswith((f"{k}.", f"{k}["))), "")
    return replace(problem, source=source)


def problems_in(error: ValidationError) -> list[Problem]:
    """Pydantic's errors as problems."""
    return [_problem(detail) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails) -> Problem:
    key = key_path(without_key_mark(detail["loc"]))
    message = _PLAIN_WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return Problem(key, message.removeprefix("Input "), _hint(detail))


def _hint(detail: ErrorDetails) -> str:
    location = detail["loc"]
    name = str(location[-1]) if location else ""
    table = table_at(Settings, location[:-1])
    if table is None:
        return ""
    match detail["type"]:
        case "extra_forbidden":
            return did_you_mean(name, table.model_fields) or _same_name_elsewhere(name)
        case "literal_error":
            return did_you_mean(str(detail["input"]), choices(table.model_fields[name]))
        case "missing":
            return (table.model_fields[name].description or "").rstrip(".")
        case "tuple_type" if table_in(table.model_fields[name])[0] is Shape.ARRAY_OF_TABLES:
            return f"write [[{name}]], with two brackets"
    return ""


def _same_name_elsewhere(name: str) -> str:
    homes = [key.path for key in declared_keys(Settings) if key.path.rpartition(".")[2] == name]
    return f"did you mean {' or '.join(homes)}?" if homes else ""
