"""`HEADGATE_PUBLIC__PORT=8080`: environment variables laid over the file's tables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

from pydantic.fields import FieldInfo

from origin.settings.keys import Shape, holds_text_only, table_in
from origin.settings.problems import Problem, did_you_mean, key_path
from origin.settings.table import Table
from origin.settings.tree import Settings

PREFIX = "HEADGATE_"
DELIMITER = "__"
CONFIG_VARIABLE = "HEADGATE_CONFIG"  # names the file; the command line reads it

_MAX_INDEX_DIGITS = 4
_SERVICE_LINK = re.compile(r"HEADGATE_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?)")

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Overridden:
    """The file's tables with the environment laid over them."""

    tables: dict[str, object]
    sources: Mapping[str, str]  # key path → the variable that set it
    problems: tuple[Problem, ...]


def override(tables: Mapping[str, object], environ: Mapping[str, str]) -> Overridden:
    """Lay every `HEADGATE_…` variable over `tables`; names that are no setting become problems.

    A table in an array is addressed by its index from 0 (`HEADGATE_MOUNT__0__PREFIX`); the next free index
    appends. Lists and numbers are written as in TOML, strings without quotes.
    """
    merged = deepcopy(dict(tables))
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for variable in sorted((name for name in environ if name.startswith(PREFIX)), key=_order):
        if variable == CONFIG_VARIABLE or _is_service_link(variable, environ[variable]):
            continue
        found = _locate(variable, Settings, variable.removeprefix(PREFIX).lower().split(DELIMITER))
        if isinstance(found, Problem):
            problems.append(found)
        elif _assign(merged, found[0], _value(environ[variable], found[1])):
            sources[key_path(found[0])] = variable
        else:
            problems.append(Problem(variable, "addresses a table that is not there", "indices count up from 0"))
    return Overridden(merged, sources, tuple(problems))


def _is_service_link(variable: str, value: str) -> bool:
    """Whether Kubernetes has set the variable because a Service in the namespace is called "headgate"."""
    return _SERVICE_LINK.fullmatch(variable) is not None or (variable == "HEADGATE_PORT" and "://" in value)


def _order(variable: str) -> list[tuple[int, str]]:
    """Tables before what is in them, and index 2 before index 10."""
    return [(-1 if (index := _index(part)) is None else index, part) for part in variable.split(DELIMITER)]


def _index(part: str) -> int | None:
    return int(part) if part.isascii() and part.isdecimal() and len(part) <= _MAX_INDEX_DIGITS else None


def _locate(variable: str, table: type[Table] | None, parts: list[str]) -> tuple[Location, FieldInfo] | Problem:
    """Where `parts` of the variable's name lead to below `table`, and the field that is there."""
    name, *rest = parts
    if table is None or name not in table.model_fields:
        return Problem(variable, "is not a setting", did_you_mean(variable, list(_variables(Settings, PREFIX))))
    field = table.model_fields[name]
    shape, inner = table_in(field)
    here: Location = (name,)
    if rest and shape in {Shape.NAMED_TABLES, Shape.ARRAY_OF_TABLES}:
        selector, *rest = rest
        chosen = _index(selector) if shape is Shape.ARRAY_OF_TABLES else selector
        if chosen is None:
            return Problem(variable, f"needs an index after {name.upper()}", f"{PREFIX}{name.upper()}__0__…")
        here = (name, chosen)
    if not rest:
        return here, field
    found = _locate(variable, inner, rest)
    return found if isinstance(found, Problem) else ((*here, *found[0]), found[1])


def _variables(table: type[Table], prefix: str) -> Iterator[str]:
    """The variables that exist, with index 0 and the name MAIN where one may be chosen."""
    for name, field in table.model_fields.items():
        shape, inner = table_in(field)
        variable = prefix + name.upper()
        selector = {Shape.NAMED_TABLES: "MAIN__", Shape.ARRAY_OF_TABLES: "0__"}.get(shape, "")
        yield variable
        if inner is not None:
            yield from _variables(inner, f"{variable}{DELIMITER}{selector}")


def _value(text: str, field: FieldInfo) -> object:
    if holds_text_only(field):
        return text
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _assign(tables: dict[str, object], location: Location, value: object) -> bool:
    """Put `value` at `location`, making tables on the way; False when there is no way."""
    here: object = tables
    for part, following in zip(location, (*location[1:], None), strict=True):
        fresh: object = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(part, int):
            if not isinstance(here, list) or part > len(here):
                return False
            if part == len(here):
                here.append(fresh)
            elif following is None:
                here[part] = fresh
            here = here[part]
        else:
            if not isinstance(here, dict):
                return False
            entries = cast("dict[str, object]", here)
            if following is None:
                entries[part] = fresh
            here = entries.setdefault(part, fresh)
    return True
