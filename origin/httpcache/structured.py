"""Dictionaries and lists of structured fields (RFC 9651) that others wrote, read strictly and in linear time.

Every type is recognised, so that a member that nobody here knows does not make its neighbours unreadable; only
the values that caching fields use are kept. The bytes of a display string are not decoded, because nothing reads
them.
"""

from __future__ import annotations

import re
from typing import TypeAlias

_KEY = r"[a-z*][a-z0-9_.*-]*+"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*+"'
_INTEGER = r"-?[0-9]{1,15}(?![0-9.])"
_BARE = (
    rf"(?:{_STRING}"
    r"|-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9.])"  # a decimal
    rf"|{_INTEGER}"
    r"|\?[01]"
    r"|[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*+"  # a token
    r"|:[A-Za-z0-9+/]*+={0,2}:"  # bytes
    rf"|@{_INTEGER}"  # a date
    r'|%"(?:[ !#$&-~]|%[0-9a-f]{2})*+")'  # a display string
)
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_BARE})?+)*+"
_ITEM = _BARE + _PARAMETERS
_INNER_LIST = rf"\( *+(?:{_ITEM}(?: ++{_ITEM})*+)?+ *+\)"
_VALUE = rf"(?P<value>{_BARE})|{_INNER_LIST}"

_DICTIONARY_MEMBER = re.compile(rf"(?P<key>{_KEY})(?P<has_value>=(?:{_VALUE}))?+{_PARAMETERS}")
_LIST_MEMBER = re.compile(rf"(?:{_VALUE}){_PARAMETERS}")
_COMMA = re.compile(r"[ \t]*+,[ \t]*+")
_INTEGER_ALONE = re.compile(_INTEGER)
_ESCAPE = re.compile(r'\\(["\\])')


class Token(str):
    """A token (RFC 9651 §3.3.4), to be told from a string."""

    __slots__ = ()


Value: TypeAlias = int | bool | str | Token | None  # None: of a type that is not read here


def parse_dictionary(text: str) -> dict[str, Value] | None:
    """The members of a dictionary (§4.2.2) without their parameters, or None when `text` is none.

    Lines of a field are joined by commas before. Of a key that is there twice the last counts (§4.2.2).
    """
    members = _members(_DICTIONARY_MEMBER, text)
    if members is None:
        return None
    return {found["key"]: _value(found["value"]) if found["has_value"] else True for found in members}


def parse_list(text: str) -> list[Value] | None:
    """The members of a list (§4.2.1) without their parameters, or None when `text` is none."""
    members = _members(_LIST_MEMBER, text)
    return None if members is None else [_value(found["value"]) for found in members]


def _members(member: re.Pattern[str], text: str) -> list[re.Match[str]] | None:
    text = text.strip(" ")
    found: list[re.Match[str]] = []
    at = 0
    while at < len(text) or found:  # a comma has a member behind it
        one = member.match(text, at)
        if one is None:
            return None
        found.append(one)
        if one.end() == len(text):
            return found
        comma = _COMMA.match(text, one.end())
        if comma is None:
            return None
        at = comma.end()
    return found


def _value(text: str | None) -> Value:
    if text is None:
        return None
    if text[0] == '"':
        return _ESCAPE.sub(r"\1", text[1:-1])
    if text[0] == "?":
        return text == "?1"
    if text[0].isalpha() or text[0] == "*":
        return Token(text)
    return int(text) if _INTEGER_ALONE.fullmatch(text) else None
