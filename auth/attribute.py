"""A token as an attribute anywhere in a URI: `name=token` after any reserved character (RFC 9246 §2, §2.1.15)."""

from __future__ import annotations

import re
from functools import lru_cache

RESERVED = ":/?#[]@!$&'()*+,;="  # RFC 3986 §2.2
SUB_DELIMITERS = "!$&'()*+,;="

_SET = re.escape(RESERVED)


def take(text: str, name: str) -> tuple[list[str], str]:
    """The values of the attribute `name`, still encoded, and the text without them.

    A value ends before the next reserved character. If that is a sub-delimiter, what goes is the name through that
    character; otherwise it is the reserved character before the name through the value. A name is the same with some of
    its characters escaped, so that a second token cannot hide.
    """
    values: list[str] = []
    attribute = _attribute(name)
    at = 0
    while (found := attribute.search(text, at)) is not None:
        values.append(found["value"])
        start, end = found.span()
        if text[end : end + 1] in SUB_DELIMITERS and end < len(text):
            start, end = start + 1, end + 1
        text = text[:start] + text[end:]
        at = max(start - 1, 0)
    return values, text


def take_from_path(path: str, name: str) -> tuple[list[str], str]:
    """`take` for a path."""
    values, rest = take(path, name)
    return values, rest or "/"


def take_from_query(query: str, name: str) -> tuple[list[str], str]:
    """`take` for a query; what remains is a query again, even where the token began it and a slash follows."""
    values, rest = take(f"?{query}", name)
    return values, rest.removeprefix("?") if values else query


@lru_cache(maxsize=64)
def _attribute(name: str) -> re.Pattern[str]:
    spelled = "".join(f"(?:{re.escape(character)}|(?i:%{ord(character):02x}))" for character in name)
    return re.compile(f"[{_SET}]{spelled}=(?P<value>[^{_SET}]*)")
