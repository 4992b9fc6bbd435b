"""Files of content keys: read strictly, kept while they are broken, shown to nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auth.encoding import base64url_encode
from auth.secret import Secret
from origin.keystore.content_keys import MAX_FILE_BYTES, MAX_KEYS, ContentKeyFile, parse_content_keys, read_sixteen
from origin.keystore.fault import Fault, KeystoreError

KID, KEY = bytes(range(16)), bytes(range(200, 216))
FILM = {"asset": "film", "kid": KID.hex(), "k": KEY.hex()}


def text(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


def private(path: Path, data: bytes) -> Path:
    """Replaced as a whole, so that the version always differs."""
    new = path.with_suffix(".new")
    new.touch(0o600)
    new.write_bytes(data)
    return new.replace(path)


def test_keys_by_asset_and_id() -> None:
    other = {"asset": "shows/one", "kid": base64url_encode(KID), "k": base64url_encode(KID)}
    keys = parse_content_keys(text(FILM, other))
    assert keys.key("film", KID) == Secret(KEY)
    assert keys.key("shows/one", KID) == Secret(KID)
    assert keys.key("film", KEY) is None
    assert keys.key("shows", KID) is None
    assert KEY.hex() not in repr(keys)
    assert parse_content_keys(text()).key("film", KID) is None


@pytest.mark.parametrize("spelling", [KID.hex(), KID.hex().upper(), base64url_encode(KID)])
def test_sixteen_octets(spelling: str) -> None:
    assert read_sixteen(spelling) == KID


@pytest.mark.parametrize(
    "spelling",
    ["", KID.hex()[:-2], KID.hex() + "00", KID.hex()[:-1] + "g", base64url_encode(KID)[:-1] + "x", "é" * 32, "K" * 32],
)
def test_not_sixteen_octets(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"not .*(hexadecimal|base64url)"):
        read_sixteen(spelling)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", 'the one member "keys"'),
        (b'{"keys": {}}', 'the one member "keys"'),
        (b'{"keys": [], "more": 1}', 'the one member "keys"'),
        (b'{"keys": [], "keys": []}', "duplicate JSON member"),
        (text(*[0] * (MAX_KEYS + 1)), f"more than {MAX_KEYS} keys"),
        (text(FILM, 1), r"keys\[1\]: not an object"),
        (text(FILM | {"alg": "cbcs"}), r"keys\[0\]: not an object"),
        (text(FILM | {"kid": 1}), r"keys\[0\]: .* strings"),
        (text(FILM | {"kid": "00"}), r"keys\[0\]: not sixteen"),
        (text(FILM | {"k": KEY.hex() + "00"}), r"keys\[0\]: not sixteen"),
        (text(FILM | {"asset": ""}), r"keys\[0\]: asset"),
        (text(FILM | {"asset": "/film"}), r"keys\[0\]: asset"),
        (text(FILM | {"asset": "a/../film"}), r"keys\[0\]: asset"),
        (text(FILM | {"asset": "a" * 1025}), r"keys\[0\]: asset"),
        (text(FILM, FILM | {"kid": KID.hex().upper()}), r"keys\[1\]: its asset has another"),
    ],
)
def test_what_is_no_set_of_keys(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_content_keys(data)
    assert KEY.hex() not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "mode", "fault"),
    [
        (None, 0o600, Fault.MISSING),
        (text(FILM), 0o640, Fault.EXPOSED),
        (b"{}", 0o600, Fault.INVALID),
        (b" " * (MAX_FILE_BYTES + 1), 0o600, Fault.TOO_LARGE),
    ],
)
async def test_a_file_that_cannot_be_used(data: bytes | None, mode: int, fault: Fault, tmp_path: Path) -> None:
    path = tmp_path / "content-keys.json"
    if data is not None:
        private(path, data).chmod(mode)
    with pytest.raises(KeystoreError) as caught:
        await ContentKeyFile(path).open()
    assert caught.value.fault is fault
    assert KEY.hex() not in str(caught.value)


async def test_the_last_good_keys_stay(tmp_path: Path) -> None:
    told: list[str] = []
    path = private(tmp_path / "content-keys.json", text(FILM))
    file = ContentKeyFile(path, lambda _, fault: told.append("" if fault is None else fault.reason))
    await file.open()
    before = file.keys()
    await file.refresh()
    assert file.keys() is before
    private(path, b"{")
    for _ in range(2):
        await file.refresh()
        assert file.keys() is before
    path.unlink()
    for _ in range(2):
        await file.refresh()
        assert file.keys() is before
    assert told == ["key_file_invalid", "key_file_missing"]
    private(path, text(FILM | {"asset": "other"}))
    await file.refresh()
    assert told[2:] == [""]
    assert file.keys().key("other", KID) == Secret(KEY)
    assert file.keys().key("film", KID) is None
    assert repr(file) == f"ContentKeyFile({path})"
