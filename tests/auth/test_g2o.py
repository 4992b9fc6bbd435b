"""An edge's signature on a request to its origin: published ones of every version, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.errors import Denied, Misuse, Reason
from auth.g2o import ACS, VERSIONS, EdgeClaims, FieldNames, acs_sign_string, mint, verify
from auth.keys import Key, KeyRing
from auth.request import Pairs
from auth.secret import Secret
from tests.auth.samples import HMAC_KEY, NOW

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "g2o.json").read_text())
SAMPLES, STORAGE = VECTORS["g2o"], VECTORS["acs"]
SAMPLE_KEY = Key("v1", Algorithm.SHARED, Secret(SAMPLES["key"].encode()), allow_weak=True)
KEY = Key("k1", Algorithm.SHARED, Secret(b"0123456789abcdef"))
RING = KeyRing([KEY])
CLAIMS = EdgeClaims(ip_address("192.0.2.1"), ip_address("2001:db8::7"), NOW, "123.456", "k1")
TARGET = "/vod/a.ts?x=1"
DATA, SIGN = "x-akamai-g2o-auth-data", "x-akamai-g2o-auth-sign"


def denied(fields: Pairs, *, target: str = TARGET, now: float = NOW, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        verify(fields, target, ring, now)
    return caught.value.reason


def signed(data: str, key: bytes = b"0123456789abcdef") -> Pairs:
    octets = hmac.digest(key, (data + TARGET).encode(), hashlib.sha256)
    return ((DATA, data), (SIGN, b64encode(octets).decode()))


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_published_signatures(version: int) -> None:
    fields = ((DATA, f"{version}, {SAMPLES['data']}"), (SIGN, SAMPLES["signatures"][str(version)]))
    claims = verify(fields, SAMPLES["sign_string"], KeyRing([SAMPLE_KEY]), 1471524574, versions=VERSIONS)
    assert claims == EdgeClaims(
        ip_address("1.2.3.4"), ip_address("3.4.5.6"), 1471524574, "2805760.691583751", "v1", version
    )
    assert mint(claims, SAMPLES["sign_string"], SAMPLE_KEY) == fields
    if version != 5:
        with pytest.raises(Denied) as caught:
            verify(fields, SAMPLES["sign_string"], KeyRing([SAMPLE_KEY]), 1471524574)
        assert caught.value.reason is Reason.WRONG_ALGORITHM


def test_netstorage() -> None:
    key = Key("UploadAccountMedia", Algorithm.SHARED, Secret(STORAGE["key"].encode()), allow_weak=True)
    fields = ((ACS.data, STORAGE["data"]), (ACS.sign, STORAGE["signature"]))
    text = acs_sign_string(STORAGE["path"], STORAGE["action"])
    claims = verify(fields, text, KeyRing([key]), 1280000000, names=ACS)
    assert (claims.unique_id, claims.key_id) == ("382644692", "UploadAccountMedia")
    assert mint(claims, text, key, names=ACS) == fields


def test_what_is_minted_is_read_back() -> None:
    fields = mint(CLAIMS, TARGET, KEY, names=FieldNames("x-edge-data", "x-edge-sign"))
    assert [name for name, _ in fields] == ["x-edge-data", "x-edge-sign"]
    assert verify(fields, TARGET, RING, NOW, names=FieldNames("x-edge-data", "x-edge-sign")) == CLAIMS


@pytest.mark.parametrize(
    ("now", "reason"),
    [(NOW - 30.1, Reason.NOT_YET_VALID), (NOW - 30, None), (NOW + 30, None), (NOW + 30.1, Reason.EXPIRED)],
)
def test_the_window(now: float, reason: Reason | None) -> None:
    fields = mint(CLAIMS, TARGET, KEY)
    if reason is None:
        assert verify(fields, TARGET, RING, now) == CLAIMS
    else:
        assert denied(fields, now=now) is reason
        assert verify(fields, TARGET, RING, now, window=31) == CLAIMS


def test_it_is_for_one_target() -> None:
    fields = mint(CLAIMS, TARGET, KEY)
    for target in ("/vod/a.ts", "/vod/a.ts?x=2", "/vod/b.ts?x=1", ""):
        assert denied(fields, target=target) is Reason.BAD_SIGNATURE


def test_one_of_each_field() -> None:
    fields = mint(CLAIMS, TARGET, KEY)
    assert denied(()) is Reason.ABSENT
    assert denied(fields[:1]) is Reason.ABSENT
    assert denied(fields[1:]) is Reason.ABSENT
    assert denied((*fields, fields[0])) is Reason.AMBIGUOUS
    assert denied((*fields, fields[1])) is Reason.AMBIGUOUS


def test_keys() -> None:
    fields = mint(CLAIMS, TARGET, KEY)
    assert denied(fields, ring=KeyRing()) is Reason.UNKNOWN_KEY
    assert denied(fields, ring=KeyRing([HMAC_KEY])) is Reason.WRONG_ALGORITHM
    other = Key("k1", Algorithm.SHARED, Secret(b"x" * 16))
    assert denied(fields, ring=KeyRing([other])) is Reason.BAD_SIGNATURE
    past = Key("k1", Algorithm.SHARED, KEY.material, not_after=NOW)
    assert denied(fields, ring=KeyRing([past])) is Reason.KEY_NOT_IN_FORCE


@pytest.mark.parametrize(
    "data",
    [
        "",
        "5",
        f"5,192.0.2.1,192.0.2.2,{NOW},1,k1",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}, 1, k1, x",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}, , k1",
        f"55, 192.0.2.1, 192.0.2.2, {NOW}, 1, k1",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}.5, 1, k1",
        f"5, 192.0.2.1, 192.0.2.2, -{NOW}, 1, k1",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}, a b, k1",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}, 1, k1\n",
        f"5, 192.0.2.999, 192.0.2.2, {NOW}, 1, k1",
        f"5, 192.0.2.1, ::1::, {NOW}, 1, k1",
        f"5, 192.0.2.1, 192.0.2.2, {NOW}, {'1' * 129}, k1",
    ],
)
def test_authentic_nonsense(data: str) -> None:
    assert denied(signed(data)) is Reason.MALFORMED


@pytest.mark.parametrize("version", [0, 6, 9])
def test_versions_that_are_none(version: int) -> None:
    fields = signed(f"{version}, 192.0.2.1, 192.0.2.2, {NOW}, 1, k1")
    with pytest.raises(Denied) as caught:
        verify(fields, TARGET, RING, NOW, versions=range(10))
    assert caught.value.reason is Reason.WRONG_ALGORITHM


@given(st.data())
def test_an_altered_field_is_denied(data: st.DataObject) -> None:
    fields = mint(CLAIMS, TARGET, KEY)
    which = data.draw(st.integers(0, 1))
    name, value = fields[which]
    at = data.draw(st.integers(0, len(value) - 1))
    altered = value[:at] + data.draw(st.characters().filter(lambda character: character != value[at])) + value[at + 1 :]
    assert denied((*fields[:which], (name, altered), *fields[which + 1 :])) in Reason


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=20))
def test_any_fields_are_denied(data: str, sign: str, target: str) -> None:
    assert denied(((DATA, data), (SIGN, sign)), target=target) in Reason


@pytest.mark.parametrize(
    "claims",
    [
        EdgeClaims(CLAIMS.edge, CLAIMS.client, NOW, "", "k1"),
        EdgeClaims(CLAIMS.edge, CLAIMS.client, NOW, "a, b", "k1"),
        EdgeClaims(CLAIMS.edge, CLAIMS.client, -1, "a", "k1"),
        EdgeClaims(CLAIMS.edge, CLAIMS.client, NOW, "a", "k2"),
        EdgeClaims(CLAIMS.edge, CLAIMS.client, NOW, "a", "k1", 6),
    ],
)
def test_nonsense_is_not_minted(claims: EdgeClaims) -> None:
    with pytest.raises(Misuse):
        mint(claims, TARGET, KEY)
