"""The tree as text: what is in force, a JSON Schema, and the reference that documents every key."""

from __future__ import annotations

import collections.abc
import json
from collections.abc import Iterator, Mapping
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from auth.dialects import DIALECTS
from auth.options import is_secret
from origin.settings.keys import Shape, alternatives, table_in
from origin.settings.table import Table
from origin.settings.tree import Settings

MASK = "********"

# Options of dialects whose values are secrets, whatever dialect they stand in.
_SECRET_OPTIONS = frozenset(
    name for spec in DIALECTS.values() for name in spec.options.__dataclass_fields__ if is_secret(spec.options, name)
)

_TYPE_WORDS: dict[object, str] = {bool: "boolean", int: "integer", float: "number", SecretStr: "secret"}


def schema() -> dict[str, object]:
    """JSON Schema of the configuration file."""
    return Settings.model_json_schema()


def show(settings: Settings) -> str:
    """The configuration in force as TOML, defaults included, secrets masked."""
    return "\n".join(_table_lines(settings, "", "")).strip() + "\n"


def reference_markdown() -> str:
    """Every key with its type, default and meaning, one Markdown table per TOML table."""
    return "\n".join(_reference_lines(Settings, "", "")).strip() + "\n"


def _table_lines(table: Table, path: str, header: str) -> Iterator[str]:
    values = {name: getattr(table, name) for name in type(table).model_fields}
    leaves = [name for name, field in type(table).model_fields.items() if table_in(field)[1] is None]
    if header and (leaves or not values):
        yield from ("", header)
    for name in leaves:
        yield f"# {name} is not set" if values[name] is None else f"{name} = {_toml(values[name])}"
    for name, value in values.items():
        if name not in leaves:
            yield from _inner_lines(value, f"{path}.{name}".removeprefix("."))


def _inner_lines(value: object, path: str) -> Iterator[str]:
    match value:
        case Table():
            yield from _table_lines(value, path, f"[{path}]")
        case Mapping():
            for name, table in value.items():
                yield from _table_lines(table, f"{path}.{name}", f"[{path}.{name}]")
        case tuple():
            for table in value:
                yield from _table_lines(table, path, f"[[{path}]]")


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case Mapping():
            pairs = (f"{name} = {_toml(MASK if name in _SECRET_OPTIONS else one)}" for name, one in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case SecretStr():
            return f'"{MASK}"'
        case _:
            # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")


def _reference_lines(table: type[Table], path: str, header: str) -> Iterator[str]:
    fields = table.model_fields.items()
    leaves = [(name, field) for name, field in fields if table_in(field)[1] is None]
    if header:
        yield from (f"## `{header}`", "", table.__doc__ or "", "")
    if leaves:
        yield from ("| key | type | default | meaning |", "|---|---|---|---|")
        yield from (
            f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {field.description} |"
            for name, field in leaves
        )
        yield ""
    for name, field in fields:
        shape, inner = table_in(field)
        if inner is not None:
            here = f"{path}.{name}".removeprefix(".")
            headers = {
                Shape.TABLE: f"[{here}]",
                Shape.NAMED_TABLES: f"[{here}.NAME]",
                Shape.ARRAY_OF_TABLES: f"[[{here}]]",
            }
            yield from _reference_lines(inner, here, headers[shape])


def _type(annotation: object) -> str:
    if get_origin(annotation) is collections.abc.Mapping:
        return "table"
    if get_origin(annotation) is tuple:
        return f"list of {_type(get_args(annotation)[0])}s"
    return " or ".join(dict.fromkeys(map(_kind, alternatives(annotation))))


def _kind(part: object) -> str:
    if get_origin(part) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(part))
    return _TYPE_WORDS.get(part, "string")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "not set" if field.default is None else f"`{_toml(field.default)}`"
