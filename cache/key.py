"""What a cached value is found under."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from urllib.parse import quote

LONGEST_TEXT = 256  # characters; a longer text is replaced by its digest

_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_SAFE = "/=,@+"  # beside letters, digits and "-._~"; never ":", ";", "!", which the text uses itself


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Names one value. Nothing that differs between viewers belongs in it.

    `namespace` says what kind of value it is, e.g. "manifest": lower-case letters, digits, "-" and "_", at
    most 32, or `ValueError`. One namespace has one codec. `target` and `variant` may be any text.
    """

    namespace: str
    target: str
    variant: str = ""
    _hash: int = field(init=False, repr=False, compare=False)  # each look-up asks for it more than once

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.namespace, self.target, self.variant)))
        if _NAMESPACE.fullmatch(self.namespace) is None:
            raise ValueError("a cache namespace is 1 to 32 of a-z, 0-9, '-' and '_'")

    def __hash__(self) -> int:
        return self._hash

    @property
    def text(self) -> str:
        """The canonical spelling: visible ASCII, at most `LONGEST_TEXT`, different for different keys."""
        text = f"{self.namespace}:{_quoted(self.target)}"
        if self.variant:
            text += f";{_quoted(self.variant)}"
        if len(text) <= LONGEST_TEXT:
            return text
        return f"{self.namespace}:!{blake2b(text.encode(), digest_size=32).hexdigest()}"


def _quoted(text: str) -> str:
    # Undecodable bytes of a URL arrive as lone surrogates; they too must give distinct keys and no error.
    return quote(text, safe=_SAFE, errors="surrogatepass")
