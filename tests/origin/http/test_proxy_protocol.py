"""PROXY headers: byte by byte."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.proxy_protocol import SIGNATURE, MalformedHeader, ProxyHeader, read_header

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


FOUR = ip_address("192.0.2.7").packed + ip_address("198.51.100.1").packed + (56324).to_bytes(2) + (443).to_bytes(2)
SIX = ip_address("2001:db8::7").packed + ip_address("2001:db8::1").packed + (1).to_bytes(2) + (443).to_bytes(2)
ALPN = b"\x01\x00\x02h2"

HEADERS = [
    (V1, "192.0.2.7", 56324, None),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7", 1, None),
    (b"PROXY UNKNOWN\r\n", None, 0, None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None, 0, None),
    (v2(0x21, 0x11, FOUR), "192.0.2.7", 56324, None),
    (v2(0x21, 0x11, FOUR + b"\x04\x00\x01x" + ALPN), "192.0.2.7", 56324, "h2"),
    (v2(0x21, 0x21, SIX + ALPN), "2001:db8::7", 1, "h2"),
    (v2(0x20, 0x00, b""), None, 0, None),
    (v2(0x20, 0x11, FOUR), None, 0, None),
    (v2(0x21, 0x00, b""), None, 0, None),
    (v2(0x21, 0x31, bytes(216)), None, 0, None),
]


@pytest.mark.parametrize(("data", "source", "port", "alpn"), HEADERS)
def test_a_header_is_read_and_nothing_behind_it(data: bytes, source: str | None, port: int, alpn: str | None) -> None:
    expected = ProxyHeader(len(data), None if source is None else ip_address(source), port, alpn)
    assert read_header(data) == expected
    assert read_header(data + b"GET / HTTP/1.1\r\n") == expected


@pytest.mark.parametrize("data", [header[0] for header in HEADERS])
def test_a_part_of_one_waits_for_more(data: bytes) -> None:
    for length in range(len(data)):
        assert read_header(data[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\0",
        b"proxy TCP4",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n",
        b"PROXY TCP4 192.0.2.700 198.51.100.1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n\r\n",
        b"PROXY " + b"x" * 200,
        v2(0x22, 0x11, FOUR),
        v2(0x31, 0x11, FOUR),
        v2(0x21, 0x11, FOUR[:-1]),
        v2(0x21, 0x11, FOUR + b"\x01\x00\x09h2"),
        v2(0x21, 0x11, FOUR + b"\x01\x00"),
        v2(0x21, 0x11, FOUR + bytes(5000)),
    ],
)
def test_nothing_else_is_one(data: bytes) -> None:
    with pytest.raises(MalformedHeader):
        read_header(data)


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: SIGNATURE + tail))
def test_any_bytes_have_a_verdict(data: bytes) -> None:
    try:
        header = read_header(data)
    except MalformedHeader:
        return
    assert header is None or header.length <= len(data)
