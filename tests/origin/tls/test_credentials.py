from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from origin.tls.credentials import Flaw, judge, judge_authorities
from tests.tls_parts import Authority, pem_of

AUTHORITY = Authority()
NOW = time.time()
GOOD = AUTHORITY.issue("CDN.example", "*.vod.example", begins=NOW, seconds=100)
KEY = pem_of(GOOD.key)
OTHER = pem_of(ec.generate_private_key(ec.SECP256R1()))
LOCKED = GOOD.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))


def flaws(certificate: bytes, key: bytes, now: float = NOW) -> list[Flaw]:
    good, wrong = judge(certificate, key, now)
    assert (good is None) is bool(wrong)
    return wrong


def test_a_good_pair_is_known_by_its_names_and_its_end() -> None:
    good, wrong = judge(GOOD.pem + AUTHORITY.pem, KEY, NOW)
    assert wrong == []
    assert good is not None
    assert good.names == ("cdn.example", "*.vod.example")
    assert good.expires == int(NOW) + 100


def test_one_file_may_hold_both() -> None:
    both = GOOD.pem + AUTHORITY.pem + KEY
    assert flaws(both, both) == []


def test_a_common_name_is_no_host() -> None:
    nobody = AUTHORITY.issue()
    good, _ = judge(nobody.pem, pem_of(nobody.key), NOW)
    assert good is not None
    assert good.names == ()


@pytest.mark.parametrize(
    ("certificate", "key", "files"),
    [
        (GOOD.pem, OTHER, ["key"]),
        (GOOD.pem, LOCKED, ["key"]),
        (GOOD.pem, b"nothing", ["key"]),
        (GOOD.pem, GOOD.pem, ["key"]),
        (b"nothing", KEY, ["certificate"]),
        (KEY, KEY, ["certificate"]),
        (GOOD.pem[:200], KEY[:100], ["certificate", "key"]),
        (GOOD.pem.replace(b"MII", b"AII", 1), KEY, ["certificate"]),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(certificate: bytes, key: bytes, files: list[str]) -> None:
    assert [flaw.file for flaw in flaws(certificate, key)] == files


def test_an_old_pair_with_another_key_has_two_flaws() -> None:
    assert [flaw.file for flaw in flaws(GOOD.pem, OTHER, NOW + 200)] == ["key", "certificate"]


@pytest.mark.parametrize(("later", "word"), [(-1.5, "not valid before"), (0, ""), (100, ""), (101.5, "expired")])
def test_it_holds_from_its_first_to_its_last_second(later: float, word: str) -> None:
    wrong = flaws(GOOD.pem, KEY, int(NOW) + later)
    assert [word in flaw.words for flaw in wrong] == ([True] if word else [])


def test_what_could_not_be_read_is_not_judged() -> None:
    assert judge(None, KEY, NOW) == judge(GOOD.pem, None, NOW) == (None, [])
    assert [flaw.file for flaw in judge(None, b"nothing", NOW)[1]] == ["key"]
    assert [flaw.file for flaw in judge(b"nothing", None, NOW)[1]] == ["certificate"]


def test_authorities_are_certificates() -> None:
    assert judge_authorities(AUTHORITY.pem + GOOD.pem) == []
    assert [flaw.file for flaw in judge_authorities(KEY)] == ["client_ca"]
    assert [flaw.file for flaw in judge_authorities(b"")] == ["client_ca"]
