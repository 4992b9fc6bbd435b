"""A protected URL prefix and what it accepts there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

from auth.carriage import Carriage, Transport
from auth.enforce import Policy
from auth.errors import Misuse
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.scope import UnsafePath, normalise


@dataclass(frozen=True, slots=True)
class Accepted:
    """A dialect by its name in the registry, how its tokens ride here, and whose keys it trusts."""

    dialect: str = "jwt"
    carriage: Carriage = field(default_factory=Carriage)
    options: Options | None = None  # None: the dialect's defaults
    keys: str = ""  # the ring's name, where a gate is given several
    # Tokens of our own, which tell themselves from all others: they may share a name, and are minted by name only.
    is_internal: bool = False
    reads: frozenset[str] = frozenset()  # the dialect's further parameters in a query

    def clashes(self, other: Accepted) -> bool:
        """Whether both would take one place of a request for a part of their tokens."""
        if self.dialect == other.dialect:
            return True
        if self.is_internal != other.is_internal:
            return False
        return self.carriage.overlaps(other.carriage) or bool(self._parameters() & other._parameters())

    def _parameters(self) -> frozenset[str]:
        """The names in a query."""
        is_open = Transport.QUERY in self.carriage.transports
        return self.reads | {self.carriage.name} if is_open else frozenset()


@dataclass(frozen=True, slots=True)
class Realm:
    """A mount that lets in tokens only.

    Configuration binds dialects to a prefix; a request cannot choose a weaker one. Of several, the first in
    order that locates a token answers for the request, and no other is asked after it has refused. Cookies, which a
    browser sends unasked, come after everything that was sent on purpose.
    """

    prefix: str  # "/vod", or "/" for everything
    accepts: tuple[Accepted, ...] = field(default_factory=lambda: (Accepted(),))
    policy: Policy = field(default_factory=Policy)
    # "https://cdn.example": what viewers ask, where an edge in front asks us under another name. Tokens that sign whole
    # URLs are held against it.
    public_origin: str | None = None

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
            if one.clashes(other):
                raise Misuse(f"{one.dialect} and {other.dialect} would read the same token: name them apart")
        if self.public_origin is not None and Url.parse(self.public_origin).path != "/":
            raise Misuse("a public origin is a scheme and a host")

    def as_seen(self, request: Request) -> Request:
        """The request as the viewer made it."""
        if self.public_origin is None:
            return request
        scheme, _, authority = self.public_origin.partition("://")
        return replace(request, scheme=scheme, authority=authority.rstrip("/"))

    def absolute(self, url: str) -> Url | None:
        """`url` as a viewer would ask for it; None for a path when nothing says whose it is."""
        if url.startswith("/") and not url.startswith("//"):
            return None if self.public_origin is None else Url.parse(self.public_origin.rstrip("/") + url)
        return Url.parse(url)
