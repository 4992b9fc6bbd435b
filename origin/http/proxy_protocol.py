"""The PROXY protocol, versions 1 and 2, as HAProxy's specification (2.8, `proxy-protocol.txt`) defines them.

A load balancer that hands TCP connections on says in front of the first byte who is at the other end. Pure: bytes in,
a verdict out; who may be believed is the listener's to know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_V1 = 107  # §2.1: the longest line there is, its CRLF included
MAX_V2 = 16 + 4096  # far more than addresses and the usual extensions need

_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?"
    rb"|(TCP4|TCP6) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) ([0-9]{1,5}) ([0-9]{1,5}))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES = {0x1: 4, 0x2: 16}  # AF_INET, AF_INET6
_STREAM = 0x1
_ALPN = 0x01


class MalformedHeader(Exception):  # noqa: N818  # reads as the verdict it is
    """What stands in front of the connection is no PROXY header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A whole header. Without a source the connection is the proxy's own (a health check), or of no known family."""

    length: int  # bytes to take off
    source: IPv4Address | IPv6Address | None = None
    port: int = 0
    alpn: str | None = None


def read_header(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of `data`; None when more bytes are needed, `MalformedHeader` when none will help."""
    if data.startswith(SIGNATURE[: len(data)]):
        return _read_v2(data)
    if data.startswith(b"PROXY "[: len(data)]):
        return _read_v1(data)
    raise MalformedHeader


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(data) >= MAX_V1:
            raise MalformedHeader
        return None
    line = _V1.fullmatch(data[: end + 2])
    if line is None:
        raise MalformedHeader
    if line[1] is None:
        return ProxyHeader(end + 2)
    try:
        source, destination = ip_address(line[2].decode()), ip_address(line[3].decode())
        port, to_port = int(line[4]), int(line[5])
    except ValueError:
        raise MalformedHeader from None
    if {source.version, destination.version} != {int(line[1][3:])} or max(port, to_port) > 65535:
        raise MalformedHeader
    return ProxyHeader(end + 2, source, port)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < 16:
        return None
    command, family, length = data[12], data[13], 16 + int.from_bytes(data[14:16])
    if command not in {_LOCAL, _PROXY} or length > MAX_V2:
        raise MalformedHeader
    if len(data) < length:
        return None
    size = _ADDRESS_BYTES.get(family >> 4)
    if command == _LOCAL or size is None or family & 0xF != _STREAM:
        return ProxyHeader(length)
    ends = 16 + 2 * size + 4
    if length < ends:
        raise MalformedHeader
    source = ip_address(data[16 : 16 + size])
    port = int.from_bytes(data[16 + 2 * size : 16 + 2 * size + 2])
    return ProxyHeader(length, source, port, _alpn(data[ends:length]))


def _alpn(extensions: bytes) -> str | None:
    """The ALPN among the type-length-value extensions, which must fill their room exactly."""
    alpn, at = None, 0
    while at < len(extensions):
        size = int.from_bytes(extensions[at + 1 : at + 3])
        value = extensions[at + 3 : at + 3 + size]
        if at + 3 > len(extensions) or len(value) != size:
            raise MalformedHeader
        if extensions[at] == _ALPN:
            alpn = value.decode("latin-1")
        at += 3 + size
    return alpn
