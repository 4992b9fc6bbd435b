"""The rings that a process works with: read at start, swapped when their files change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from auth.keys import KeyRing
from origin.keystore.file import FileVersion, KeystoreError, file_version, read_ring


@dataclass(frozen=True, slots=True)
class Loaded:
    """A ring, the file version it came from, and when it was read (Unix seconds)."""

    ring: KeyRing
    version: FileVersion
    read_at: float


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh did: names of the rings that changed, faults of those that could not be read."""

    changed: tuple[str, ...]
    faults: Mapping[str, KeystoreError]


class KeyRings:
    """Key rings by name. Readers get an immutable ring; one owner calls `refresh`, from any thread.

    When a file is broken or gone, its last good ring stays: an operator's typo must not lock viewers out. The
    owner learns of it from what `refresh` returns, and how old a ring is from `read_at`.
    """

    __slots__ = ("_allow_shared", "_loaded", "_paths", "_rings")

    def __init__(self, paths: Mapping[str, Path], now: float, *, allow_shared: bool = False) -> None:
        """Read every file; KeystoreError when one cannot be used, for there is no last good ring yet."""
        self._paths = dict(paths)
        self._allow_shared = allow_shared
        self._loaded: Mapping[str, Loaded] = MappingProxyType(
            {name: self._load(path, now) for name, path in self._paths.items()}
        )
        self._rings = _rings(self._loaded)

    def __repr__(self) -> str:
        return f"KeyRings({', '.join(self._paths)})"

    def ring(self, name: str) -> KeyRing:
        """The ring of that name as last read; KeyError for a name that was not configured."""
        return self._loaded[name].ring

    def snapshot(self) -> Mapping[str, KeyRing]:
        """All rings by name, as last read: the same object until something changes."""
        return self._rings

    def read_at(self, name: str) -> float:
        """When that ring was read from its file."""
        return self._loaded[name].read_at

    def refresh(self, now: float) -> Refreshed:
        """Read the files that have changed and swap in their rings, all at once. Blocks while it reads."""
        fresh: dict[str, Loaded] = {}
        faults: dict[str, KeystoreError] = {}
        for name, path in self._paths.items():
            if file_version(path) == self._loaded[name].version:
                continue
            try:
                fresh[name] = self._load(path, now)
            except KeystoreError as fault:
                faults[name] = fault
        if fresh:
            self._loaded = MappingProxyType({**self._loaded, **fresh})
            self._rings = _rings(self._loaded)
        return Refreshed(tuple(fresh), MappingProxyType(faults))

    def _load(self, path: Path, now: float) -> Loaded:
        return Loaded(*read_ring(path, allow_shared=self._allow_shared), now)


def _rings(loaded: Mapping[str, Loaded]) -> Mapping[str, KeyRing]:
    return MappingProxyType({name: one.ring for name, one in loaded.items()})
