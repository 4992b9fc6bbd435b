"""Where one key ring comes from, whatever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from auth.errors import Misuse
from auth.jwk import ring_from_jwks
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import FileVersion, file_version, read_ring


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a source is asked, in seconds.

    `on_miss` is the least time between one attempt and the next that a token with an unknown key may cause; None: such
    a token causes none. `is_fatal`: without its keys a process does not start.
    """

    every: float
    on_miss: float | None = None
    is_fatal: bool = True


class Source(Protocol):
    """Gives a ring, and says whether it has changed. One reader at a time."""

    @property
    def pace(self) -> Pace:
        """How often to read."""

    async def read(self) -> KeyRing | None:
        """The ring, or None when it is the one that was read last. KeystoreError when it cannot be had."""

    async def close(self) -> None:
        """Let go of connections."""


class FileSource:
    """A key file, looked at often and read when it has changed."""

    def __init__(self, path: Path, *, allow_shared: bool = False, every: float = 2.0) -> None:
        """`allow_shared` as for `read_ring`."""
        self.pace = Pace(every)
        self._path = path
        self._allow_shared = allow_shared
        self._version: FileVersion | None = None

    def __repr__(self) -> str:
        return f"FileSource({self._path})"

    async def read(self) -> KeyRing | None:
        """See `Source`."""
        return await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """See `Source`."""

    def _read(self) -> KeyRing | None:
        if self._version is not None and file_version(self._path) == self._version:
            return None
        ring, self._version = read_ring(self._path, allow_shared=self._allow_shared)
        return ring


class EnvironmentSource:
    """An environment variable that holds a private JWK Set; what it holds when the process starts is what counts."""

    def __init__(self, name: str, environ: Mapping[str, str], every: float = 3600.0) -> None:
        """`environ` is the process's own."""
        self.pace = Pace(every)
        self._name = name
        self._environ = environ
        self._text: str | None = None

    def __repr__(self) -> str:
        return f"EnvironmentSource({self._name})"

    async def read(self) -> KeyRing | None:
        """See `Source`."""
        text = self._environ.get(self._name)
        if text is None:
            raise KeystoreError(Fault.MISSING, self._name, "is not set in the environment")
        if text == self._text:
            return None
        try:
            ring = ring_from_jwks(text.encode("utf-8", "surrogateescape"))
        except Misuse as error:
            raise KeystoreError(Fault.INVALID, self._name, str(error)) from None
        self._text = text
        return ring

    async def close(self) -> None:
        """See `Source`."""
