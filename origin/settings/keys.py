"""The declared keys, walked: which names stand in which table, and of what kind they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from origin.settings.table import Table


class Shape(Enum):
    """What a key holds. The value is what its path carries after the name."""

    LEAF = ""
    TABLE = "."
    NAMED_TABLES = ".NAME."
    ARRAY_OF_TABLES = "[]."


@dataclass(frozen=True, slots=True)
class Key:
    """One declared key: `path` such as "public.port", "keyrings.NAME.file" or "mount[].cors.origins"."""

    path: str
    field: FieldInfo


def table_in(field: FieldInfo) -> tuple[Shape, type[Table] | None]:
    """What `field` holds, and the table behind it unless it is a leaf."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return Shape.TABLE, annotation
    tables = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, Table)]
    if not tables:
        return Shape.LEAF, None
    return Shape.ARRAY_OF_TABLES if get_origin(annotation) is tuple else Shape.NAMED_TABLES, tables[0]


def declared_keys(table: type[Table], prefix: str = "") -> Iterator[Key]:
    """Every leaf below `table`, in the order of declaration."""
    for name, field in table.model_fields.items():
        shape, inner = table_in(field)
        path = prefix + name + shape.value
        if inner is None:
            yield Key(path, field)
        else:
            yield from declared_keys(inner, path)


def table_at(table: type[Table], location: tuple[str | int, ...]) -> type[Table] | None:
    """The table that the names and indices of `location` lead to, or None when they lead elsewhere."""
    rest = list(location)
    while rest:
        field = table.model_fields.get(str(rest.pop(0)))
        shape, inner = table_in(field) if field else (Shape.LEAF, None)
        if inner is None:
            return None
        if shape is not Shape.TABLE:
            if not rest:
                return None
            rest.pop(0)  # the index or the name
        table = inner
    return table


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The closed set of words that a key may hold, or nothing when it is not such a key."""
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def alternatives(annotation: object) -> tuple[object, ...]:
    """The types a value may have: `Annotated` taken off, unions taken apart, `None` left out."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(part for member in get_args(annotation) for part in alternatives(member))
    return () if annotation is NoneType else (annotation,)


def holds_text_only(field: FieldInfo) -> bool:
    """Whether every value of the key is a string, so that text never needs TOML quotes."""
    return all(
        get_origin(part) is Literal or (isinstance(part, type) and issubclass(part, str | SecretStr | Path))
        for part in alternatives(field.annotation)
    )
