"""Dates as a cache reads them: RFC 9110 §5.6.7, but letters of any case (RFC 9111 §4.2)."""

from __future__ import annotations

import re

from origin.http.dates import parse_http_date
from origin.http.fields import Fields, values_of

_LONGEST = 40  # characters; no form has more
_WORD = re.compile(r"[A-Za-z]+")


def read_date(value: str, now: float) -> int | None:
    """Unix seconds, or None when `value` is no HTTP-date; `now` decides the century of a two-digit year."""
    if len(value) > _LONGEST:
        return None
    return parse_http_date(_WORD.sub(_with_usual_case, value.strip(" \t")), now)


def date_of(fields: Fields, name: str, now: float) -> int | None:
    """The date in the first field called `name`, or None when there is none or it is no date (§4.2.1)."""
    values = values_of(fields, name)
    return read_date(values[0], now) if values else None


def _with_usual_case(word: re.Match[str]) -> str:
    text = word[0]
    return "GMT" if text.upper() == "GMT" else text.capitalize()
