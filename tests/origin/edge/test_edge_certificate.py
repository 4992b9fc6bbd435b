from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from auth import Denied, KeyRing, Reason
from origin.edge.edge_certificate import MAX_BYTES, CertificateProof
from tests.edge_certificates import certificate, field
from tests.edge_parts import inbound

NOW = 1_800_000_000
DNS, URI = x509.DNSName("Edge.CDN.example"), x509.UniformResourceIdentifier("spiffe://cdn.example/Edge")
GOOD = certificate(DNS, URI, begins=NOW)
PRINT = f"sha256:{GOOD.fingerprint(SHA256()).hex()}"


def check(names: tuple[str, ...], *values: str, now: float = NOW, is_from_proxy: bool = True) -> str | Reason:
    asked = replace(inbound("/vod/a.ts", *(("Client-Cert", value) for value in values)), is_from_proxy=is_from_proxy)
    try:
        return CertificateProof(names).check(asked, KeyRing(), now).identity.name
    except Denied as denied:
        return denied.reason


@pytest.mark.parametrize(
    "name", ["edge.cdn.example", "EDGE.cdn.example", "spiffe://cdn.example/Edge", PRINT, PRINT.upper()]
)
def test_a_certificate_is_known_by_each_of_its_names(name: str) -> None:
    name = name.replace("SHA256", "sha256")
    assert check(("other.example", name), field(GOOD)) == name


def test_a_common_name_counts_where_there_is_no_other() -> None:
    assert check(("edge",), field(certificate(begins=NOW))) == "edge"
    assert check(("edge",), field(GOOD)) is Reason.UNKNOWN_KEY


def test_a_name_that_is_spelt_like_a_fingerprint_is_none() -> None:
    assert check(("sha256:aa",), field(certificate(common_name="sha256:aa", begins=NOW))) is Reason.UNKNOWN_KEY
    assert check(("sha256:aa",), field(certificate(x509.DNSName("sha256:aa"), begins=NOW))) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("later", "expected"), [(-1, Reason.EXPIRED), (0, PRINT), (3600.5, PRINT), (3601, Reason.EXPIRED)]
)
def test_a_certificate_holds_from_its_first_to_its_last_second(later: float, expected: str | Reason) -> None:
    assert check((PRINT,), field(GOOD), now=NOW + later) == expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], Reason.ABSENT),
        ([field(GOOD)] * 2, Reason.AMBIGUOUS),
        ([""], Reason.MALFORMED),
        ([field(GOOD).strip(":")], Reason.MALFORMED),
        ([field(GOOD)[:-9] + ":"], Reason.MALFORMED),
        ([field(GOOD) + ", " + field(GOOD)], Reason.MALFORMED),
        ([":" + "A" * MAX_BYTES + ":"], Reason.MALFORMED),
        ([":AAAA:"], Reason.MALFORMED),
    ],
)
def test_what_is_no_certificate(values: list[str], reason: Reason) -> None:
    assert check((PRINT,), *values) is reason


def test_nobody_but_a_trusted_proxy_is_believed() -> None:
    assert check((PRINT,), field(GOOD), is_from_proxy=False) is Reason.WRONG_NETWORK


def shown(*values: str, own: bytes | None, is_from_proxy: bool) -> str | Reason:
    asked = replace(inbound("/vod/a.ts", *(("Client-Cert", value) for value in values)), is_from_proxy=is_from_proxy)
    try:
        return (
            CertificateProof(("edge.cdn.example", "other.example"))
            .check(replace(asked, certificate=own), KeyRing(), NOW)
            .identity.name
        )
    except Denied as denied:
        return denied.reason


@pytest.mark.parametrize("is_from_proxy", [False, True])
def test_the_connections_own_certificate_is_believed_of_anybody(is_from_proxy: bool) -> None:
    assert shown(own=GOOD.public_bytes(Encoding.DER), is_from_proxy=is_from_proxy) == "edge.cdn.example"
    assert shown(own=b"nothing", is_from_proxy=is_from_proxy) is Reason.MALFORMED
    assert shown(own=None, is_from_proxy=is_from_proxy) is Reason.ABSENT


def test_a_proxy_speaks_for_others_and_a_stranger_for_himself() -> None:
    own = certificate(x509.DNSName("other.example"), begins=NOW).public_bytes(Encoding.DER)
    assert shown(field(GOOD), own=own, is_from_proxy=True) == "edge.cdn.example"
    assert shown(field(GOOD), own=own, is_from_proxy=False) == "other.example"


@given(st.integers(0, len(field(GOOD)) - 1), st.sampled_from("A9+/=:\udcff"))
def test_an_altered_certificate_is_a_verdict(at: int, letter: str) -> None:
    value = field(GOOD)
    assert isinstance(check((PRINT,), value[:at] + letter + value[at + 1 :]), str)
