"""API keys: long random words of which the configuration holds a hash and what they may do."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_BEARER = re.compile(r"bearer +([!-~]{16,128})", re.IGNORECASE)
_MARK = "hgk_"  # so that scanners for leaked secrets can know one


class Permission(StrEnum):
    """What an API key is good for."""

    SIGN = "sign"
    VERIFY = "verify"
    REVOKE = "revoke"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whose key it is, and what it may do. `sha256` is the hash of the whole word, in hexadecimal."""

    name: str
    sha256: str
    permissions: frozenset[Permission]


def new_api_key() -> tuple[str, str]:
    """A fresh key and its hash. With 256 random bits in it, a fast hash cannot be searched."""
    word = _MARK + secrets.token_urlsafe(32)
    return word, hash_of(word)


def hash_of(word: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).hexdigest()


class ApiKeys:
    """The keys that are accepted; none at all closes the API."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        """`keys` by name."""
        self._keys = tuple(keys.values())

    def find(self, authorization: str | None) -> ApiKey | None:
        """Whose `Authorization: Bearer` field it is. Takes the same time whichever key it is, or none."""
        shown = _BEARER.fullmatch(authorization or "")
        digest = hash_of("" if shown is None else shown[1])
        found = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found and shown is not None else None
