"""The `wowza` dialect: the contract, the published hash, streams, addresses and times."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha512
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.wowza import HashName, Wowza, WowzaOptions
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "wowza.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
CARRIAGE = Carriage("wowzatokenhash", frozenset({Transport.QUERY}))
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")
FULL = Claims(scope=PathScope.prefix("/vod/film"), not_before=NOW - 10, expires=NOW + 60)


class TestContract(DialectContract):
    name = "wowza"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = FULL
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


class TestContractOfSha512(TestContract):
    options = WowzaOptions(prefix="my_", hash=HashName.SHA512)


class TestContractWithoutTimes(TestContract):
    options = WowzaOptions(hash=HashName.SHA384)
    claims = Claims(scope=PathScope.prefix("/vod/film"))


def opened(request: Request, options: WowzaOptions | None = None) -> Claims:
    dialect = Wowza(options or WowzaOptions())
    found = dialect.locate(request, CARRIAGE, "/vod")
    assert found is not None
    return dialect.verify(found, RING)


def refused(request: Request, options: WowzaOptions | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, options)
    return caught.value.reason


def signed(claims: Claims = FULL, options: WowzaOptions | None = None) -> Request:
    dialect = Wowza(options or WowzaOptions())
    token = dialect.mint(claims, KEY, FILM)
    parts = Url.parse(dialect.issue(FILM.text, token, CARRIAGE, "/vod", Transport.QUERY).url)
    return Request("GET", "https", "cdn.example", parts.path, parts.query)


def test_the_published_hash_has_our_recipe() -> None:
    """Its parameters have other names than Wowza's own, so that it shows the order and the encoding only."""
    pieces = sorted([VECTOR["secret"], VECTOR["client"], *(f"{name}={at}" for name, at in VECTOR["times"].items())])
    message = f"{VECTOR['hashed']}?{'&'.join(pieces)}"
    assert urlsafe_b64encode(sha512(message.encode()).digest()).decode() == VECTOR["hash"]


def test_our_hash_has_the_recipe() -> None:
    options = WowzaOptions(hash=HashName.SHA512, has_address=True)
    request = signed(replace(FULL, networks=(ip_network("192.0.2.1"),)), options)
    pieces = sorted([SECRET.decode(), "192.0.2.1", f"wowzatokenendtime={NOW + 60}", f"wowzatokenstarttime={NOW - 10}"])
    message = f"vod/film?{'&'.join(pieces)}"
    assert urlsafe_b64encode(sha512(message.encode()).digest()).decode() in request.query


def test_everything_below_a_stream_is_open() -> None:
    request = signed()
    for path in ("/vod/film", "/vod/film/chunk/1.ts"):
        assert opened(replace(request, path=path)).scope == PathScope.prefix("/vod/film")
    assert refused(replace(request, path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(request, path="/vod")) is Reason.OUT_OF_SCOPE


def test_an_address() -> None:
    options = WowzaOptions(has_address=True)
    request = signed(replace(FULL, networks=(ip_network("192.0.2.1"),)), options)
    assert opened(replace(request, client=ip_address("192.0.2.1")), options).networks == (ip_network("192.0.2.1"),)
    assert refused(replace(request, client=ip_address("192.0.2.2")), options) is Reason.BAD_SIGNATURE
    assert refused(request, options) is Reason.WRONG_NETWORK


@pytest.mark.parametrize(
    ("now", "reason"),
    [(NOW - 11, Reason.NOT_YET_VALID), (NOW - 10, None), (NOW + 59.9, None), (NOW + 60, Reason.EXPIRED)],
)
def test_times_at_their_bounds(now: float, reason: Reason | None) -> None:
    request = signed()
    objection = enforce(opened(request), request, Policy(), now)
    assert (objection and objection.reason) is reason


def test_a_parameter_that_is_not_known() -> None:
    request = signed()
    assert refused(replace(request, query=request.query + "&wowzatokencustom=1")) is Reason.UNSUPPORTED
    assert refused(replace(request, query=request.query + "&wowzatokenhash=1")) is Reason.AMBIGUOUS


@pytest.mark.parametrize("options", [WowzaOptions(prefix=""), WowzaOptions(prefix="a&b"), WowzaOptions(stream_depth=0)])
def test_options_that_are_refused(options: WowzaOptions) -> None:
    with pytest.raises(Misuse):
        Wowza(options)


@pytest.mark.parametrize(
    "claims",
    [
        replace(FULL, expires=NOW + 0.5),
        replace(FULL, scope=PathScope.prefix("/vod")),
        replace(FULL, networks=(ip_network("192.0.2.1"),)),
        replace(FULL, subject="x"),
    ],
)
def test_what_a_token_cannot_say(claims: Claims) -> None:
    for url in (FILM, None):
        with pytest.raises(Misuse):
            Wowza(WowzaOptions()).mint(claims, KEY, url)
