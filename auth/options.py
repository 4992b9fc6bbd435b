"""What an operator may set for a dialect: frozen dataclasses whose fields carry their own documentation."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from auth.errors import Misuse
from auth.secret import Secret

_MEANING = "meaning"
_WORDS = {bool: "boolean", int: "integer", float: "number", str: "string", Secret: "secret"}


@dataclass(frozen=True, slots=True)
class Options:
    """A dialect without options; one that has some derives from this."""


O = TypeVar("O", bound=Options)  # noqa: E741  # Options, of one dialect


@dataclass(frozen=True, slots=True)
class OptionFact:
    """One option as it is documented."""

    name: str
    type: str
    default: str
    meaning: str


def option(default: Any, meaning: str) -> Any:
    """A field of an `Options` class, with its default and what it means, in one sentence."""
    return field(default=default, metadata={_MEANING: meaning})


def read_options(kind: type[O], table: Mapping[str, object]) -> O:
    """The options that a configuration table holds. Misuse, naming the key and never its value, for any other."""
    hints = get_type_hints(kind)
    known = {each.name for each in fields(kind)}
    for name in table:
        if name not in known:
            raise Misuse(f"{name}: is not an option here; there are: {', '.join(sorted(known)) or 'none'}")
    return kind(**{name: _read(name, hints[name], value) for name, value in table.items()})


def option_facts(kind: type[Options]) -> tuple[OptionFact, ...]:
    """Every option of a dialect, for the reference."""
    hints = get_type_hints(kind)
    return tuple(
        OptionFact(each.name, _words(hints[each.name]), _shown(each.default), each.metadata.get(_MEANING, ""))
        for each in fields(kind)
    )


def is_secret(kind: type[Options], name: str) -> bool:
    """Whether the option holds a secret, which no output may show."""
    return Secret in _alternatives(get_type_hints(kind).get(name, str))


def _alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _read(name: str, hint: object, value: object) -> object:
    for one in _alternatives(hint):
        try:
            return _read_one(one, value)
        except ValueError:
            continue
    raise Misuse(f"{name}: should be {_words(hint)}")


def _read_one(hint: object, value: object) -> object:
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        return tuple(_read_one(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and isinstance(value, str):
        return hint(value)
    if hint is Secret and isinstance(value, str):
        return Secret(value.encode())
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise ValueError


def _words(hint: object) -> str:
    words = []
    for one in _alternatives(hint):
        if get_origin(one) is tuple:
            words.append(f"list of {_words(get_args(one)[0])}s")
        elif isinstance(one, type) and issubclass(one, StrEnum):
            words.append(" or ".join(f'"{choice.value}"' for choice in one))
        elif one is not types.NoneType:
            words.append(_WORDS.get(one, "value") if isinstance(one, type) else "value")
    return " or ".join(words)


def _shown(default: object) -> str:
    match default:
        case None | Secret():
            return "not set"
        case bool():
            return "true" if default else "false"
        case tuple():
            return f"[{', '.join(map(_shown, default))}]"
        case str():
            return f'"{default}"'
        case _ if default is MISSING:
            return "required"
        case _:
            return str(default)
