"""Content codings by proper negotiation (RFC 9110 §12.5.3, weights of §12.4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_MAX_VALUE_LENGTH = 1024  # characters
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # a grammar rule, no secret
_ELEMENT = re.compile(rf"({_TOKEN})(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{{0,3}})?|1(?:\.0{{0,3}})?))?")
_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}  # §8.4.1


def choose_coding(accept_encoding: str | None, available: Sequence[str]) -> str | None:
    """The coding to answer with, or None for identity (no coding).

    `available` are the codings of this representation, lower-case, the server's favourite first: it decides
    between equal weights. Without the field, or with a malformed or far too long one, the answer is identity.
    A coding is preferred to an identity that is not mentioned.

    A request that excludes identity as well as everything available still gets identity, not 406: §12.4.1
    leaves the choice to the server, and a player or cache can do more with plain bytes than with an error.
    The answer depends on the field whenever `available` is not empty, so then it carries `Vary:
    Accept-Encoding`, identity included.
    """
    if accept_encoding is None or len(accept_encoding) > _MAX_VALUE_LENGTH:
        return None
    return _choose(accept_encoding, tuple(available))


@lru_cache(maxsize=256)  # the world's clients send a handful of values
def _choose(accept_encoding: str, available: tuple[str, ...]) -> str | None:
    weights = parse_accept_encoding(accept_encoding)
    if not weights:
        return None
    unnamed = weights.get("*", 0.0)
    identity = weights.get("identity", unnamed)
    offers = ((weights.get(coding, unnamed), coding) for coding in available)
    weight, best = max(offers, key=lambda offer: offer[0], default=(0.0, ""))
    return best if weight > 0.0 and weight >= identity else None


def parse_accept_encoding(value: str) -> dict[str, float] | None:
    """Coding (lower-case, or "*") → weight from 0 to 1; None when any part is malformed.

    Of a coding named more than once the least weight counts.
    """
    weights: dict[str, float] = {}
    for element in filter(None, (part.strip(" \t") for part in value.split(","))):
        found = _ELEMENT.fullmatch(element)
        if found is None:
            return None
        coding = found[1].lower()
        coding = _ALIASES.get(coding, coding)
        weight = 1.0 if found[2] is None else float(found[2])
        weights[coding] = min(weight, weights.get(coding, weight))
    return weights
