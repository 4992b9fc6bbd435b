"""Which addresses may be connected to: public ones, and those of the networks that are configured.

What is checked is the address that a socket is about to connect to, so a name that changes its mind gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is the last 32 bits


class ForbiddenAddressError(OSError):
    """An address that is neither public nor configured."""


class Reachable:
    """The rule. `networks` are those that may be connected to although they are not public."""

    def __init__(self, networks: tuple[Network, ...] = ()) -> None:
        self._networks = networks

    def allows(self, text: str) -> bool:
        """Whether `text`, an IP address with or without a zone, may be connected to."""
        try:
            address = _plain(ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        if any(address in network for network in self._networks):
            return True
        return all(map(_is_public, _led_to(address)))

    def new_socket(self, place: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for an address as `getaddrinfo` gives it; raises `ForbiddenAddressError`."""
        family, kind, protocol, _, address = place
        if not self.allows(str(address[0])):
            raise ForbiddenAddressError("an address that is not public and not among the configured networks")
        return socket.socket(family, kind, protocol)


class CheckedResolver(AbstractResolver):
    """Gives only addresses that may be connected to, of those that another resolver (by default the system's) gives."""

    def __init__(self, rule: Reachable, make: Callable[[], AbstractResolver] = ThreadedResolver) -> None:
        """Belongs to the loop that runs now."""
        self._rule = rule
        self._inner = make()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`; raises `ForbiddenAddressError` when there are some and none may be connected to."""
        found = await self._inner.resolve(host, port, family)
        allowed = [each for each in found if self._rule.allows(each["host"])]
        if found and not allowed:
            raise ForbiddenAddressError("a name of addresses that are not public and not among the configured networks")
        return allowed

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._inner.close()


def _plain(address: Address) -> Address:
    """An IPv4-mapped address is the IPv4 address that it leads to."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _led_to(address: Address) -> list[Address]:
    """What must be public: the address, and the IPv4 addresses that a translator or a tunnel takes out of it."""
    if not isinstance(address, IPv6Address):
        return [address]
    if address in _TRANSLATED:
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    inside = (address.sixtofour, *(address.teredo or ()))
    return [address, *(each for each in inside if each is not None)]


def _is_public(address: Address) -> bool:
    is_odd = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    is_site = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not is_odd and not is_site
