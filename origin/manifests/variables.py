"""HLS variable substitution (draft-pantos-hls-rfc8216bis §4.3), as far as a server can know it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from origin.manifests.attributes import Attributes
from origin.manifests.references import leaves_server_open
from origin.manifests.template import Malformed

VARIABLE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_VARIABLES = 256
MAX_EXPANDED_CHARACTERS = 4_096  # of one value or URI: a short line can name a long value many times

_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")


class Source(Enum):
    """Where a variable gets its value from: the attribute that names it in EXT-X-DEFINE."""

    NAME = "NAME"  # this playlist
    IMPORT = "IMPORT"  # the multivariant playlist
    QUERYPARAM = "QUERYPARAM"  # the playlist's own URL


@dataclass(frozen=True, slots=True)
class Variable:
    """One EXT-X-DEFINE. Only a NAME variable has a value that a server knows."""

    name: str
    source: Source
    value: str | None = None


def defined_variables(definitions: Iterable[Attributes]) -> tuple[Variable, ...]:
    """The variables of a playlist from the attributes of its EXT-X-DEFINE tags, in order.

    A VALUE may use variables that stand before it. Raises Malformed("variable_invalid") and
    Malformed("variable_duplicate").
    """
    variables: dict[str, Variable] = {}
    for attributes in definitions:
        variable = _variable(attributes)
        if variable.name in variables:
            raise Malformed("variable_duplicate", variable.name)
        if variable.value is not None:
            known = values_of(variables.values())
            variable = Variable(variable.name, variable.source, expand(variable.value, known))
        variables[variable.name] = variable
        if len(variables) > MAX_VARIABLES:
            raise Malformed("too_large", "variables")
    return tuple(variables.values())


def _variable(attributes: Attributes) -> Variable:
    sources = [source for source in Source if source.value in attributes]
    if len(sources) != 1 or ("VALUE" in attributes) != (sources[0] is Source.NAME):
        raise Malformed("variable_invalid")
    name = attributes[sources[0].value]
    value = attributes.get("VALUE")
    if not name.is_quoted or not VARIABLE_NAME.fullmatch(name.value) or (value is not None and not value.is_quoted):
        raise Malformed("variable_invalid")
    return Variable(name.value, sources[0], None if value is None else value.value)


def values_of(variables: Iterable[Variable]) -> Mapping[str, str]:
    """The values that are known, by name."""
    return {variable.name: variable.value for variable in variables if variable.value is not None}


def expand(text: str, values: Mapping[str, str]) -> str:
    """`text` with every known variable replaced, once; unknown ones stay as they are.

    Raises Malformed("variable_too_long") before the result outgrows its bound.
    """
    if not values:
        return text
    inserted = sum(len(values.get(found.group(1), "")) for found in _REFERENCE.finditer(text))
    if len(text) + inserted > MAX_EXPANDED_CHARACTERS:
        raise Malformed("variable_too_long")
    return _REFERENCE.sub(lambda found: values.get(found.group(1), found.group()), text)


def chooses_server(reference: str) -> bool:
    """Whether a variable without a known value stands where it could choose the scheme or the authority."""
    found = _REFERENCE.search(reference)
    return found is not None and leaves_server_open(reference[: found.start()])
