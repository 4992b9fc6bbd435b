"""The tags by which stored responses can be purged together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from origin.http.fields import Fields, combined, values_of
from origin.httpcache.structured import Token, parse_list

MAX_TAGS = 64
MAX_TAG_LENGTH = 256  # characters
_LONGEST = 65_536  # characters of a field that are looked at


def tags_of(fields: Fields) -> tuple[str, ...]:
    """The tags that a response gives itself, each once, at most `MAX_TAGS`; longer ones than allowed are dropped.

    Read are Cache-Groups (RFC 9875 §2), Surrogate-Key (separated by spaces) and Cache-Tag (by commas).
    """
    return bounded(
        [
            *groups_in(fields, "cache-groups"),
            *" ".join(values_of(fields, "surrogate-key"))[:_LONGEST].split(),
            *(tag.strip(" \t") for tag in ",".join(values_of(fields, "cache-tag"))[:_LONGEST].split(",")),
        ]
    )


def groups_in(fields: Fields, name: str) -> tuple[str, ...]:
    """The strings of the structured list that a field is; none when it is anything else, or has other members."""
    value = combined(fields, name)
    members = None if value is None or len(value) > _LONGEST else parse_list(value)
    if members is None:
        return ()
    strings = [member for member in members if isinstance(member, str) and not isinstance(member, Token)]
    return bounded(strings) if len(strings) == len(members) else ()


def bounded(tags: Iterable[str]) -> tuple[str, ...]:
    """The first `MAX_TAGS` tags that are neither empty nor too long, each once."""
    fit = dict.fromkeys(tag for tag in tags if 0 < len(tag) <= MAX_TAG_LENGTH)
    return tuple(islice(fit, MAX_TAGS))
