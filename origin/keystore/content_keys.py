"""Keys that media are encrypted with, by asset and key id: a private file that only its owner may read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from auth import strict_json
from auth.encoding import base64url_decode, hex_decode
from auth.secret import Secret
from auth.strict_json import JsonValue
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import FileVersion, file_version, read_private

OCTETS = 16  # of a key id (ISO/IEC 23001-7 §7.2) and of a key for AES-128 (RFC 8216 §4.3.2.4)
MAX_KEYS = 20_000
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_ASSET_LENGTH = 1024  # characters

_EVERY_SECONDS = 2.0  # between two looks at the file
_HEX_LENGTH, _BASE64URL_LENGTH = 32, 22
_MEMBERS = frozenset({"asset", "kid", "k"})


@dataclass(frozen=True, slots=True)
class ContentKeys:
    """Keys of assets. An asset is written as in URLs below its mount, decoded: "film", "shows/one"."""

    by_asset: Mapping[str, Mapping[bytes, Secret]] = field(default_factory=dict, repr=False)

    def key(self, asset: str, kid: bytes) -> Secret | None:
        """The key with that id, when it is one of that asset."""
        return self.by_asset.get(asset, {}).get(kid)


def read_sixteen(text: str) -> bytes:
    """Sixteen octets in hexadecimal (either case) or in base64url without padding; ValueError for anything else."""
    if len(text) == _HEX_LENGTH and text.isascii():
        return hex_decode(text.lower())
    if len(text) != _BASE64URL_LENGTH:
        raise ValueError("not sixteen octets in hexadecimal or base64url")
    return base64url_decode(text)


def parse_content_keys(data: bytes) -> ContentKeys:
    """The keys of `{"keys": [{"asset": …, "kid": …, "k": …}]}`; ValueError, whose words quote nothing of it."""
    document = strict_json.loads_object(data, max_bytes=MAX_FILE_BYTES)
    entries = document.get("keys")
    if set(document) != {"keys"} or not isinstance(entries, list):
        raise ValueError('not an object with the one member "keys", a list')
    if len(entries) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    by_asset: dict[str, dict[bytes, Secret]] = {}
    for index, entry in enumerate(entries):
        try:
            asset, kid, key = _entry(entry)
        except ValueError as error:
            raise ValueError(f"keys[{index}]: {error}") from None
        if kid in by_asset.setdefault(asset, {}):
            raise ValueError(f"keys[{index}]: its asset has another key with the same id")
        by_asset[asset][kid] = key
    return ContentKeys(MappingProxyType({asset: MappingProxyType(keys) for asset, keys in by_asset.items()}))


def _entry(entry: JsonValue) -> tuple[str, bytes, Secret]:
    if not isinstance(entry, dict) or set(entry) != _MEMBERS:
        raise ValueError("not an object with the members asset, kid and k alone")
    asset, kid, key = entry["asset"], entry["kid"], entry["k"]
    if not isinstance(asset, str) or not isinstance(kid, str) or not isinstance(key, str):
        raise ValueError("asset, kid and k are strings")  # noqa: TRY004
    if len(asset) > MAX_ASSET_LENGTH or any(segment in {"", ".", ".."} for segment in asset.split("/")):
        raise ValueError("asset is not a path without slashes at its ends")
    return asset, read_sixteen(kid), Secret(read_sixteen(key))


Told = Callable[[Path, KeystoreError | None], None]


class ContentKeyFile:
    """A file of content keys, looked at often and read when it has changed. What was good last stays until then."""

    def __init__(self, path: Path, told: Told = lambda _path, _fault: None) -> None:
        """`told` hears of every new version that was read (None), and of each fault once for as long as it lasts."""
        self._path = path
        self._told = told
        self._keys = ContentKeys()
        self._version: FileVersion | None = None
        self._fault: str | None = None

    def __repr__(self) -> str:
        return f"ContentKeyFile({self._path})"

    def keys(self) -> ContentKeys:
        """The keys as last read."""
        return self._keys

    async def open(self) -> None:
        """Read the file. KeystoreError when it cannot be used."""
        self._keys, self._version = await asyncio.to_thread(_read, self._path)

    async def refresh(self) -> None:
        """Read the file if it has changed; never raises."""
        try:
            version = await asyncio.to_thread(file_version, self._path)
            if version is None or version != self._version or self._fault is not None:
                await self.open()
                self._fault = None
                self._told(self._path, None)
        except KeystoreError as fault:
            if self._fault != str(fault):
                self._told(self._path, fault)
            self._fault = str(fault)

    async def keep_fresh(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self.refresh()


def _read(path: Path) -> tuple[ContentKeys, FileVersion]:
    data, version = read_private(path, MAX_FILE_BYTES)
    try:
        return parse_content_keys(data), version
    except ValueError as error:
        raise KeystoreError(Fault.INVALID, path, str(error)) from None
