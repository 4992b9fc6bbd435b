"""Which of several responses to one target a request selects: Vary (RFC 9111 §4.1, RFC 9110 §12.5.5)."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import quote

from origin.http.fields import Fields, combined, values_of
from origin.http.negotiation import parse_accept_encoding
from origin.httpcache.stored import Variant

UNSELECTABLE: Variant = (("*", None),)

_MAX_NAMES = 32
_LONGEST_KEY = 256  # characters
_LONGEST_PREFERENCES = 1024  # characters; a longer list is compared as it stands

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A comma inside a quoted string separates nothing, and a string without an end goes on to the end of the field.
_ELEMENT = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+', re.DOTALL)
_LANGUAGE = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def vary_names(fields: Fields) -> tuple[str, ...] | None:
    """The request fields that a response depends on, in lower case and sorted; None when no request can match.

    That is: `*` is among them, or what is no name of a field, or there are far too many.
    """
    names = {name.strip(" \t").lower() for value in values_of(fields, "vary") for name in value.split(",")} - {""}
    if len(names) > _MAX_NAMES or "*" in names or not all(map(_NAME.fullmatch, names)):
        return None
    return tuple(sorted(names))


def variant_of(names: tuple[str, ...], request_fields: Fields) -> Variant:
    """What a request has of the fields called `names` (in lower case), each in a normal form.

    Lines of a field are one list and space around its commas does not count. In Accept-Encoding and
    Accept-Language neither case nor order counts; weights do.
    """
    return tuple((name, _normal(name, combined(request_fields, name))) for name in names)


def selected_by(response_fields: Fields, request_fields: Fields) -> Variant:
    """What in the request selected the response; `UNSELECTABLE` when no request can select it again."""
    names = vary_names(response_fields)
    return UNSELECTABLE if names is None else variant_of(names, request_fields)


def is_selected(variant: Variant, request_fields: Fields) -> bool:
    """Whether the request selects what `selected_by` said of a stored response (§4.1)."""
    if not variant:
        return True
    return variant != UNSELECTABLE and variant == variant_of(tuple(name for name, _ in variant), request_fields)


def variant_key(variant: Variant) -> str:
    """A text that equal variants share and different ones do not; "" for a response that does not vary.

    Printable ASCII, at most 256 characters; a longer one is a digest.
    """
    text = "&".join(name if value is None else f"{name}={_quoted(value)}" for name, value in variant)
    return text if len(text) <= _LONGEST_KEY else "#" + sha256(text.encode()).hexdigest()


def _quoted(value: str) -> str:
    return quote(value, safe="", errors="surrogatepass")


def _normal(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    weights = None
    if len(value) <= _LONGEST_PREFERENCES:
        weights = _WEIGHTS[name](value) if name in _WEIGHTS else None
    if weights is None:
        return ",".join(found.strip(" \t") for found in _elements(value))
    return ",".join(item if weight == 1 else f"{item};q={weight:g}" for item, weight in sorted(weights.items()))


def _elements(value: str) -> list[str]:
    elements, at = [], 0
    while at <= len(value):
        found = _ELEMENT.match(value, at)
        end = at if found is None else found.end()
        elements.append(value[at:end])
        at = end + 1
    return elements


def _languages(value: str) -> dict[str, float] | None:
    """Language range in lower case → weight; None when any part is malformed. The first of two counts."""
    weights: dict[str, float] = {}
    for element in filter(None, (part.strip(" \t") for part in value.split(","))):
        found = _LANGUAGE.fullmatch(element)
        if found is None:
            return None
        weights.setdefault(found[1].lower(), 1.0 if found[2] is None else float(found[2]))
    return weights


_WEIGHTS = {"accept-encoding": parse_accept_encoding, "accept-language": _languages}
