"""Structured field values (RFC 9651): the few bare items that an origin writes."""

from __future__ import annotations

import re

_STRING = re.compile(r"[ -~]*")
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*")
_MAX_INTEGER = 999_999_999_999_999


def sf_string(value: str) -> str:
    """A String (§4.1.6). Raises `ValueError` for anything but printable ASCII."""
    if not _STRING.fullmatch(value):
        raise ValueError("a structured string is printable ASCII")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sf_token_or_string(value: str) -> str:
    """A Token (§4.1.7) if `value` can be one, else a String."""
    return value if _TOKEN.fullmatch(value) else sf_string(value)


def sf_integer(value: int) -> str:
    """An Integer (§4.1.4), at most fifteen digits: what lies beyond becomes the nearest one."""
    return str(min(max(value, -_MAX_INTEGER), _MAX_INTEGER))
