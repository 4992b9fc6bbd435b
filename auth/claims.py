"""Claims: the one vocabulary that every dialect translates to, and the readers that they share.

A reader refuses what it cannot take at its word, and never repairs or drops it: a restriction that went
missing would be a permission.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias, TypeVar

from auth.errors import Denied, Reason
from auth.remedy import Remedy
from auth.renewal import Renewal
from auth.rules.condition import Condition
from auth.rules.url import UrlRule
from auth.scope import PathScope
from auth.strict_json import JsonValue

Network: TypeAlias = IPv4Network | IPv6Network
T = TypeVar("T")

MAX_TIME = 2**53
MAX_TEXT = 512
MAX_ITEMS = 64
MAX_EXTRA = 16

_METHOD = re.compile(r"[A-Z]{1,16}")
_NETWORK = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:/[0-9]{1,3})?")
_MAPPED_BITS = 96


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, in neutral terms. None means that it does not say; times are Unix seconds.

    A minter fills in what it wants said; `key_id`, `dialect` and `extra` are filled in by whoever verified. A token
    opens what `scope` and `urls` both cover, where it says both.
    """

    issuer: str | None = None
    subject: str | None = None
    audience: tuple[str, ...] = ()
    not_before: float | None = None
    expires: float | None = None
    issued_at: float | None = None
    token_id: str | None = None
    session_id: str | None = None
    scope: PathScope | None = None
    urls: UrlRule | None = None
    methods: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None  # a client in any of these, or in any of `asns`
    asns: frozenset[int] | None = None
    conditions: tuple[Condition, ...] = ()  # all of them must hold
    one_time: bool = False  # good for one request; `token_id` tells it from others
    renewal: Renewal | None = None
    remedies: tuple[Remedy, ...] = ()
    session_ends: float | None = None  # no renewal reaches past this instant
    strict_time: bool = False  # no allowance for clocks that disagree (RFC 9246 §2.1.4)
    key_id: str | None = None
    dialect: str = ""
    extra: tuple[tuple[str, str], ...] = ()  # what restricts nothing: (name, shortened value), for explanations


def read_time(name: str, value: JsonValue) -> float:
    """Unix seconds from 0 to 2^53: an integer or a finite float (RFC 7519 §2, NumericDate)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
        raise _malformed(f"{name} is a number of seconds from 0 to 2^53")
    return value


def read_text(name: str, value: JsonValue) -> str:
    """A printable string of 1 to 512 characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not value.isprintable():
        raise _malformed(f"{name} is a printable string of 1 to {MAX_TEXT} characters")
    return value


def read_list(name: str, value: JsonValue, read: Callable[[str, JsonValue], T]) -> tuple[T, ...]:
    """A list of 1 to 64 items, each taken by `read`."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ITEMS:
        raise _malformed(f"{name} is a list of 1 to {MAX_ITEMS} items")
    return tuple(read(name, item) for item in value)


def read_one_or_more(name: str, value: JsonValue) -> tuple[str, ...]:
    """A string, or a list of strings."""
    return (read_text(name, value),) if isinstance(value, str) else read_list(name, value, read_text)


def read_method(name: str, value: JsonValue) -> str:
    """A request method in capitals."""
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise _malformed(f"{name} holds request methods in capitals")
    return value


def read_network(name: str, value: JsonValue) -> Network:
    """An address or a CIDR block without host bits; an IPv4-mapped IPv6 block becomes the IPv4 one."""
    try:
        if not isinstance(value, str) or not _NETWORK.fullmatch(value):
            raise ValueError  # noqa: TRY301
        network = ip_network(value)
    except ValueError:
        raise _malformed(f"{name} holds IP addresses or CIDR blocks without host bits") from None
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _malformed(detail: str) -> Denied:
    return Denied(Reason.MALFORMED, detail)
