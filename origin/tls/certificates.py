"""The certificates that a listener shows: read at start, swapped when their files change, and chosen by host."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from origin.tls.contexts import Policy, server_context
from origin.tls.credentials import Credentials, Flaw, judge, judge_authorities
from origin.tls.host_names import chosen

MAX_BYTES = 1024 * 1024  # of one file
EVERY = 2.0  # seconds between two looks at the files

_Version = tuple[int, int, int, int, int]  # device, inode, size, modified, changed


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key by the name that the operator gave them."""

    name: str
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a file of the pair of that name."""

    pair: str
    flaw: Flaw


class CertificatesUnusable(Exception):  # noqa: N818  # reads as the verdict it is
    """Not all pairs can be served, for these reasons."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """`faults` in the order of declaration; at least one."""
        super().__init__("\n".join(f"{fault.pair}.{fault.flaw.file}: {fault.flaw.words}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Pairs that were read again and are shown from now on, and faults of those that stay as they were."""

    changed: tuple[str, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    credentials: Credentials
    context: ssl.SSLContext
    versions: tuple[_Version | None, ...]


class Certificates:
    """Contexts by host. One that has been handed out stays as it is; whoever connects later gets the newer one."""

    __slots__ = ("_loaded", "_names", "_pairs", "_policy")

    def __init__(self, pairs: Sequence[Pair], policy: Policy) -> None:
        """`pairs` in the order of declaration; at least one. Nothing is read yet."""
        self._pairs = tuple(pairs)
        self._policy = policy
        self._loaded: Mapping[str, _Loaded] = {}
        self._names: Mapping[str, tuple[str, ...]] = {}

    @property
    def differ_by_host(self) -> bool:
        """Whether a client's host makes a difference."""
        return len(self._pairs) > 1

    @property
    def expiries(self) -> Mapping[str, float]:
        """When each certificate that is shown expires (Unix time)."""
        return {name: one.credentials.expires for name, one in self._loaded.items()}

    def context_for(self, host: str | None) -> ssl.SSLContext:
        """The context for a client that asks for `host`, or for none. Not before `open`."""
        return self._loaded[chosen(self._names, host)].context

    async def open(self, now: float) -> None:
        """Read all files; `CertificatesUnusable` with all that is wrong when there is anything."""
        faults = (await self.refresh(now)).faults
        if faults:
            raise CertificatesUnusable(faults)

    async def refresh(self, now: float) -> Refreshed:
        """Read the pairs whose files have changed. Each is taken whole, or stays as it was."""
        found = await asyncio.to_thread(self._read_changed, self._loaded, now)
        fresh = {name: one for name, one in found.items() if isinstance(one, _Loaded)}
        if fresh:
            both = {**self._loaded, **fresh}
            loaded = {pair.name: both[pair.name] for pair in self._pairs if pair.name in both}
            self._loaded = MappingProxyType(loaded)
            self._names = MappingProxyType({name: one.credentials.names for name, one in loaded.items()})
        faults = (Fault(name, flaw) for name, one in found.items() if isinstance(one, list) for flaw in one)
        return Refreshed(tuple(fresh), tuple(faults))

    async def keep_fresh(self, told: Callable[[Refreshed], None], every: float = EVERY) -> None:
        """Look at the files every so many seconds, until cancelled; `told` hears what came of each look."""
        while True:
            await asyncio.sleep(every)
            told(await self.refresh(time.time()))

    def _read_changed(self, known: Mapping[str, _Loaded], now: float) -> dict[str, _Loaded | list[Flaw]]:
        found: dict[str, _Loaded | list[Flaw]] = {}
        for pair in self._pairs:
            versions = self._versions(pair)
            if pair.name not in known or known[pair.name].versions != versions:
                found[pair.name] = self._read_safely(pair, versions, now)
        return found

    def _versions(self, pair: Pair) -> tuple[_Version | None, ...]:
        return tuple(_version(path) for path in (pair.certificate, pair.key, self._policy.client_ca) if path)

    def _read_safely(self, pair: Pair, versions: tuple[_Version | None, ...], now: float) -> _Loaded | list[Flaw]:
        try:
            return self._read(pair, versions, now)
        except Exception as error:  # a defect in the reading of one file must not end the looking at all
            return [Flaw("certificate", f"cannot be read ({type(error).__name__})")]

    def _read(self, pair: Pair, versions: tuple[_Version | None, ...], now: float) -> _Loaded | list[Flaw]:
        flaws: list[Flaw] = []
        certificate = _content(pair.certificate, "certificate", flaws)
        key = _content(pair.key, "key", flaws)
        if self._policy.client_ca is not None:
            authorities = _content(self._policy.client_ca, "client_ca", flaws)
            flaws.extend([] if authorities is None else judge_authorities(authorities))
        credentials, wrong = judge(certificate, key, now)
        if flaws or wrong or credentials is None:
            return [*flaws, *wrong]
        try:
            context = server_context(pair.certificate, pair.key, self._policy)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or "unknown error"
            return [Flaw("certificate", f"cannot be served ({reason})")]
        if self._versions(pair) != versions:
            return [Flaw("certificate", "was written to while it was read")]
        return _Loaded(credentials, context, versions)


def _version(path: Path) -> _Version | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _content(path: Path, file: str, flaws: list[Flaw]) -> bytes | None:
    """What the file holds, or None and another flaw."""
    try:
        # Opening a pipe or a device by mistake must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            facts = os.fstat(descriptor)
            words = _unfit(facts, is_private=file == "key")
            data = b"" if words else opened.read(MAX_BYTES + 1)
    except OSError as error:
        words, data = f"cannot be read ({error.strerror})", b""
    if len(data) > MAX_BYTES:
        words = f"is larger than {MAX_BYTES} bytes"
    if words:
        flaws.append(Flaw(file, words))
        return None
    return data


def _unfit(facts: os.stat_result, *, is_private: bool) -> str:
    if not stat.S_ISREG(facts.st_mode):
        return "is not a regular file"
    if is_private and facts.st_mode & stat.S_IRWXO:
        return f"is open to everybody (mode {stat.S_IMODE(facts.st_mode):04o}); set it to 0600, or 0640 for a group"
    return ""
