"""Who the viewer is behind trusted proxies: `Forwarded` (RFC 7239) and `X-Forwarded-For`.

A proxy that adds one of the two fields hands the other one on as the client wrote it, and nobody can tell which is
which. So when both are there they have to agree; when they do not, the viewer's address is not known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HOPS_AT_MOST = 32
# RFC 7239 §4: pairs between semicolons, elements between commas, a value is a token or a quoted string.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'[ \t]*({_WORD})=({_WORD}|"(?:[^"\\]|\\.)*")[ \t]*([;,]|\Z)', re.DOTALL)
# §6: an address, in brackets if it is IPv6, and perhaps a port.
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


class TrustedProxies:
    """Whose forwarding fields are believed."""

    def __init__(self, networks: Sequence[Network]) -> None:
        """`networks` are the proxies' own addresses."""
        self._networks = tuple(networks)

    def __contains__(self, address: Address | None) -> bool:
        """Whether `address` is one of the proxies."""
        return address is not None and any(address in network for network in self._networks)

    def client(
        self, peer: Address | None, forwarded_for: Sequence[str] = (), forwarded: Sequence[str] = ()
    ) -> Address | None:
        """The rightmost address that is not a trusted proxy; None when that cannot be told.

        `forwarded_for` and `forwarded` are the values of all X-Forwarded-For and Forwarded fields, in order: a proxy
        may append to the last field or add another one.
        """
        if peer not in self or not (forwarded_for or forwarded):
            return peer
        found = set[Address | None]()
        if forwarded_for:
            found.add(self._outermost([address_of(hop) for hop in ",".join(forwarded_for).split(",")]))
        if forwarded:
            found.add(self._outermost(_forwarded_hops(",".join(forwarded))))
        return found.pop() if len(found) == 1 else None

    def _outermost(self, hops: Sequence[Address | None]) -> Address | None:
        if not 1 <= len(hops) <= _HOPS_AT_MOST:
            return None
        return next((hop for hop in reversed(hops) if hop not in self), hops[0])


@lru_cache(maxsize=4096)
def address_of(text: str) -> Address | None:
    """An address from text, or None. Brackets, a port and a zone are taken off; IPv4-mapped IPv6 is IPv4."""
    text = text.strip(" \t")
    if ":" in text:
        text = text.partition("%")[0]
    node = _NODE.fullmatch(text)
    try:
        address = ip_address(text if node is None else node[1] or node[2])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _forwarded_hops(value: str) -> list[Address | None]:
    """The `for` parameter of each element, None where it is missing or no address; empty when malformed."""
    hops: list[Address | None] = []
    names = set[str]()
    hop: Address | None = None
    at = 0
    while pair := _PAIR.match(value, at):
        name, node, end = pair[1].lower(), pair[2], pair[3]
        if name in names:
            return []
        names.add(name)
        if name == "for":
            hop = address_of(re.sub(r"\\(.)", r"\1", node[1:-1]) if node.startswith('"') else node)
        if end != ";":
            hops.append(hop)
            names, hop = set(), None
        if end == "":
            return hops
        at = pair.end()
    return []
