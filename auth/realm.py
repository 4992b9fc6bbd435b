"""A protected URL prefix and what it accepts there."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

from auth.carriage import Carriage
from auth.enforce import Policy
from auth.errors import Misuse
from auth.scope import UnsafePath, normalise


@dataclass(frozen=True, slots=True)
class Accepted:
    """A dialect by its name in the registry, and how its tokens ride here."""

    dialect: str = "jwt"
    carriage: Carriage = field(default_factory=Carriage)


@dataclass(frozen=True, slots=True)
class Realm:
    """A mount that lets in tokens only.

    Configuration binds dialects to a prefix; a request cannot choose a weaker one. Of several, the first in
    order that locates a token answers for the request, and no other is asked after it has refused.
    """

    prefix: str  # "/vod", or "/" for everything
    accepts: tuple[Accepted, ...] = field(default_factory=lambda: (Accepted(),))
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        try:
            is_normal = normalise(self.prefix) == self.prefix
        except UnsafePath as error:
            raise Misuse(f"the prefix of a realm: {error}") from None
        if not is_normal or (self.prefix.endswith("/") and self.prefix != "/"):
            raise Misuse("a realm's prefix is a normalised path without a slash at its end")
        if not self.accepts:
            raise Misuse("a realm accepts at least one dialect")
        for one, other in combinations(self.accepts, 2):
            if one.dialect == other.dialect or one.carriage.overlaps(other.carriage):
                raise Misuse(f"{one.dialect} and {other.dialect} would read the same token: name them apart")
