"""Entity tags (RFC 9110 §8.8.3): reading, comparing, building."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256

# Visible ASCII but the quote, and anything beyond ASCII (obs-text).
_ENTITY_TAG = re.compile(r'(W/)?"([!#-~\x80-\U0010ffff]*)"')
_LIST_ELEMENT = re.compile(rf"[ \t]*+(?:{_ENTITY_TAG.pattern})?+[ \t]*+(?:,|\Z)")
_MAX_LIST_LENGTH = 8192  # characters; a longer list is treated as malformed

_PLAIN_VERSION = re.compile(r"[0-9A-Za-z._-]{1,64}")
_DIGEST_BYTES = 18  # 24 characters of base64, no padding


class Wildcard(Enum):
    """`*` in If-Match and If-None-Match: any current representation."""

    ANY = "*"


@dataclass(frozen=True, slots=True)
class EntityTag:
    """An opaque validator. `str()` gives its form on the wire."""

    opaque: str  # what stands between the quotes
    weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'

    def matches_strongly(self, other: EntityTag) -> bool:
        """Same bytes (§8.8.3.2): equal, and both strong."""
        return not self.weak and not other.weak and self.opaque == other.opaque

    def matches_weakly(self, other: EntityTag) -> bool:
        """Same for a reader's purposes (§8.8.3.2): equal, whether weak or strong."""
        return self.opaque == other.opaque

    def for_coding(self, coding: str | None) -> EntityTag:
        """The tag of this representation in a content coding; None is identity and keeps the tag.

        Coded variants are other bytes, so each needs its own strong tag (§8.8.3.3). "+" never occurs in the
        tags that are built here, so no variant can take the tag of another version.
        """
        return self if coding is None else replace(self, opaque=f"{self.opaque}+{coding}")


def parse_entity_tag(value: str) -> EntityTag | None:
    """One entity tag, or None when `value` is anything else."""
    found = _ENTITY_TAG.fullmatch(value)
    return EntityTag(found[2], weak=found[1] is not None) if found else None


def parse_entity_tags(value: str) -> Wildcard | tuple[EntityTag, ...] | None:
    """The value of If-Match or If-None-Match; None when any part of it is malformed or it is far too long.

    Empty list elements are skipped (§5.6.1.2).
    """
    if value.strip(" \t") == Wildcard.ANY.value:
        return Wildcard.ANY
    if len(value) > _MAX_LIST_LENGTH:
        return None
    tags: list[EntityTag] = []
    position = 0
    while position < len(value):
        found = _LIST_ELEMENT.match(value, position)
        if found is None:
            return None
        if found[2] is not None:
            tags.append(EntityTag(found[2], weak=found[1] is not None))
        position = found.end()
    return tuple(tags)


def content_etag(data: bytes) -> EntityTag:
    """A strong tag made of the bytes themselves: equal on every node, and across restarts."""
    return EntityTag(_digest(data))


def version_etag(version: str) -> EntityTag:
    """A strong tag for a store's version string; different versions give different tags.

    A short and plain version stays readable; any other is hashed, behind a sign that no plain one contains.
    """
    if _PLAIN_VERSION.fullmatch(version):
        return EntityTag(version)
    return EntityTag("~" + _digest(version.encode("utf-8", "surrogatepass")))


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(sha256(data).digest()[:_DIGEST_BYTES]).decode("ascii")
