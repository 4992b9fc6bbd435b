"""The host that a ClientHello asks for (RFC 8446 §4.1.2, RFC 6066 §3), read before the handshake begins.

It chooses a certificate and nothing else: what is malformed asks for no host, and is refused by the handshake itself.
Pure: bytes in, a value out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 16 * 1024  # looked through; browsers with post-quantum key shares send about two thousand

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEAD = 5  # type, version, length
_MESSAGE_HEAD = 4  # type, length
_SERVER_NAME, _HOST_NAME = 0, 0
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What is asked for; `server_name` in lower case."""

    server_name: str | None = None


def read_client_hello(data: bytes) -> ClientHello | None:
    """What the first bytes of a connection ask for; None when more bytes are needed to tell."""
    message = _message(data)
    if message is None:
        return None if len(data) < MAX_BYTES else ClientHello()
    try:
        return ClientHello(_server_name(_Reader(message)))
    except _EndedError:
        return ClientHello()


class _EndedError(Exception):
    """A length that reaches beyond what is there."""


class _Reader:
    """Takes values off the front of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, length: int) -> bytes:
        if self._at + length > len(self._data):
            raise _EndedError
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def vector(self, length_bytes: int) -> bytes:
        return self.take(self.number(length_bytes))


def _message(data: bytes) -> bytes | None:
    """The ClientHello's body, put together from its records; empty when there is none, None when it is not whole."""
    handshake, at = b"", 0
    while at < len(data):
        if data[at] != _HANDSHAKE:
            return b""
        if len(data) - at < _RECORD_HEAD:
            return None
        length = int.from_bytes(data[at + 3 : at + _RECORD_HEAD], "big")
        handshake += data[at + _RECORD_HEAD : at + _RECORD_HEAD + length]
        at += _RECORD_HEAD + length
        if handshake and handshake[0] != _CLIENT_HELLO:
            return b""
        end = _MESSAGE_HEAD + int.from_bytes(handshake[1:_MESSAGE_HEAD], "big")
        if len(handshake) >= max(end, _MESSAGE_HEAD):
            return handshake[_MESSAGE_HEAD:end]
    return None


def _server_name(hello: _Reader) -> str | None:
    hello.take(2 + 32)  # legacy_version, random
    for length_bytes in (1, 2, 1):  # legacy_session_id, cipher_suites, legacy_compression_methods
        hello.vector(length_bytes)
    if not hello:
        return None
    for kind, extension in _extensions(_Reader(hello.vector(2))):
        if kind == _SERVER_NAME:
            return _host(_Reader(_Reader(extension).vector(2)))
    return None


def _extensions(extensions: _Reader) -> Iterator[tuple[int, bytes]]:
    while extensions:
        yield extensions.number(2), extensions.vector(2)


def _host(names: _Reader) -> str | None:
    while names:
        kind, name = names.number(1), names.vector(2)
        if kind == _HOST_NAME:
            host = name.decode("ascii", "replace").lower()
            return host if _HOST.fullmatch(host) else None
    return None
