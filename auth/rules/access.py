"""Lists of rules about a viewer's address and country, as Cloudflare Stream's tokens have them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import ClassVar, Self, TypeAlias

from auth.errors import Denied, Reason
from auth.request import Request
from auth.scope import UnsafePath, normalise
from auth.strict_json import JsonValue

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Allows or blocks the viewers from these countries or networks; everybody where it names neither."""

    allows: bool
    countries: frozenset[str] = frozenset()  # ISO 3166-1 alpha-2, upper case
    networks: Networks = ()

    def matches(self, request: Request) -> bool | None:
        """Whether it is about this viewer; None where that cannot be known."""
        if self.countries:
            country = request.place.country
            return None if country is None else country in self.countries
        if self.networks:
            client = request.client
            return None if client is None else any(_folded(client) in network for network in self.networks)
        return True


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The first rule that matches decides; a viewer whom none is about is let in, one who cannot be placed is not."""

    WORD: ClassVar[str] = "access-rules"
    rules: tuple[AccessRule, ...]

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        for rule in self.rules:
            reason = Reason.WRONG_NETWORK if rule.networks else Reason.WRONG_PLACE
            matches = rule.matches(request)
            if matches is None:
                return Denied(reason, "it is not known where the viewer is")
            if matches:
                return None if rule.allows else Denied(reason)
        return None

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [
            [rule.allows, list[JsonValue](sorted(rule.countries)), [str(network) for network in rule.networks]]
            for rule in self.rules
        ]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, list) or not value:
            raise ValueError("access rules are a list")
        return cls(tuple(_read(item) for item in value))


@dataclass(frozen=True, slots=True)
class NotBelow:
    """No path that begins, in its normal form, with this text."""

    WORD: ClassVar[str] = "not-below"
    prefix: str

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        try:
            is_below = normalise(request.path).startswith(self.prefix)
        except UnsafePath:
            is_below = True
        return Denied(Reason.OUT_OF_SCOPE, "the token leaves this part out") if is_below else None

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return self.prefix

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError("a path begins with a slash")
        return cls(value)


def _folded(client: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = client.ipv4_mapped if isinstance(client, IPv6Address) else None
    return client if mapped is None else mapped


def _read(item: JsonValue) -> AccessRule:
    match item:
        case [bool() as allows, list() as countries, list() as networks]:
            names = frozenset(name for name in countries if isinstance(name, str))
            blocks = tuple(ip_network(block) for block in networks if isinstance(block, str))
            if len(names) == len(countries) and len(blocks) == len(networks):
                return AccessRule(allows, names, blocks)
    raise ValueError("access rules are a list of triples")
