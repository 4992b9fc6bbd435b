from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.tls.client_hello import MAX_BYTES, ClientHello, read_client_hello


def hello(host: str | None) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


REAL = hello("CDN.example")


def records(data: bytes, size: int) -> bytes:
    """The one record of `data`, cut into several."""
    body = data[5:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(data[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def test_the_host_that_is_asked_for() -> None:
    assert read_client_hello(REAL) == ClientHello("cdn.example")
    assert read_client_hello(REAL + b"and what follows") == ClientHello("cdn.example")


def test_none_is_asked_for() -> None:
    assert read_client_hello(hello(None)) == ClientHello(None)


def test_what_is_not_whole_needs_more() -> None:
    assert [read_client_hello(REAL[:length]) for length in range(len(REAL))] == [None] * len(REAL)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_one_message_in_several_records(size: int) -> None:
    cut = records(REAL, size)
    assert read_client_hello(cut) == ClientHello("cdn.example")
    assert read_client_hello(cut[:-1]) is None


def test_it_is_not_waited_for_without_end() -> None:
    endless = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + b"a" * MAX_BYTES
    assert read_client_hello(endless[: MAX_BYTES - 1]) is None
    assert read_client_hello(endless[:MAX_BYTES]) == ClientHello(None)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x15\x03\x01\x00\x02\x01\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ],
    ids=["HTTP", "an alert", "another message", "an empty one"],
)
def test_what_is_no_client_hello_asks_for_no_host(data: bytes) -> None:
    assert read_client_hello(data) == ClientHello(None)


@pytest.mark.parametrize("name", [b"a..b", b"-" * 64, b"a b", b"a/b", b"\xff", b"", b"a.", b"caf\xc3\xa9"])
def test_a_name_that_is_no_host_is_none(name: bytes) -> None:
    names = b"\0" + len(name).to_bytes(2, "big") + name
    extension = len(names).to_bytes(2, "big") + names
    extensions = b"\0\0" + len(extension).to_bytes(2, "big") + extension
    body = b"\3\3" + b"r" * 32 + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    assert read_client_hello(b"\x16\3\1" + len(message).to_bytes(2, "big") + message) == ClientHello(None)


@given(st.binary(max_size=200))
def test_anything_is_a_verdict(data: bytes) -> None:
    assert isinstance(read_client_hello(data), ClientHello | None)


@given(st.integers(5, len(REAL) - 1), st.integers(0, 255))
def test_an_altered_one_is_a_verdict(at: int, byte: int) -> None:
    altered = REAL[:at] + bytes([byte]) + REAL[at + 1 :]
    assert isinstance(read_client_hello(altered), ClientHello | None)
