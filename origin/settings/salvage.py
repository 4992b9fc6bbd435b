"""The sound part of a broken configuration, so that rules between keys can be judged in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from origin.settings.problems import Problem, key_path, problems_in, without_key_mark
from origin.settings.tree import Settings

Location = tuple[str | int, ...]

# What takes the place of a required key that is missing or broken; no finding that rests on it is shown.
_STAND_INS: Mapping[str, object] = {
    "prefix": "/stand-in",
    "storage": "memory:",
    "access": "open",
    "sha256": "0" * 64,
    "name": "stand-in",
    "kind": "nginx",
    "certificate": "stand-in",
    "key": "stand-in",
}
_TABLE_STAND_INS = {
    "mount": {name: _STAND_INS[name] for name in ("prefix", "storage", "access")},
    "edge_purge": {name: _STAND_INS[name] for name in ("name", "kind")},
}
_MAX_PASSES = 4  # a broken required key takes two: taken out, then replaced


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A valid tree, what had to go for it, and why."""

    settings: Settings
    broken: frozenset[str]  # key paths of what was replaced or left out
    problems: tuple[Problem, ...]

    def is_sound(self, key: str) -> bool:
        """Whether `key` still holds what the operator wrote."""
        return not any(key == gone or key.startswith((f"{gone}.", f"{gone}[")) for gone in self.broken)


def salvage(tables: Mapping[str, object], base: Path) -> Salvaged:
    """Validate `tables`; whatever is wrong by itself is reported, then replaced by its default."""
    sound = deepcopy(dict(tables))
    broken: set[str] = set()
    problems: tuple[Problem, ...] | None = None
    for _ in range(_MAX_PASSES):
        try:
            settings = Settings.model_validate(sound, context={"base": base})
        except ValidationError as error:
            problems = tuple(problems_in(error)) if problems is None else problems
            faults = {_key_in(detail["loc"]): detail["type"] for detail in error.errors(include_input=False)}
            # What is inside a table goes before the table itself.
            for location in sorted(faults, key=len, reverse=True):
                broken.add(key_path(location))
                _replace(sound, location, is_missing=faults[location] == "missing")
        else:
            return Salvaged(settings, frozenset(broken), problems or ())
    raise AssertionError("every error is at a key that can be taken out")


def _key_in(location: Location) -> Location:
    """The location without an index into a plain list: an error in one item spoils the whole key."""
    location = without_key_mark(location)
    is_in_list = isinstance(location[-1], int) and len(location) > len(("mount", 0))
    return location[:-1] if is_in_list else location


def _replace(tables: dict[str, object], location: Location, *, is_missing: bool) -> None:
    """Put a stand-in at `location`, or nothing where there is a default."""
    here: Any = tables  # tables and lists as deep as the location that was found in them
    for part in location[:-1]:
        here = here[part]
    last = location[-1]
    if isinstance(last, int):
        here[last] = dict(_TABLE_STAND_INS[str(location[0])])
    elif is_missing:
        here[last] = _STAND_INS[last]
    else:
        here.pop(last, None)
