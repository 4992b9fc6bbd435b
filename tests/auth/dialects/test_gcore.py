"""The `gcore` dialect: the contract, vectors, boundaries and addresses."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.gcore import GcoreOptions
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gcore.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


class TestContract(DialectContract):
    name = "gcore"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def weak(secret: bytes) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


def opened(request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/") -> Claims:
    spec = DIALECTS["gcore"]
    dialect = spec.make(options or spec.options())
    found = dialect.locate(request, spec.carriage, mount)
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, ring, options)
    return caught.value.reason


def signed(claims: Claims = TestContract.claims, options: Options | None = None, url: Url = FILM) -> Request:
    spec = DIALECTS["gcore"]
    dialect = spec.make(options or spec.options())
    token = dialect.mint(claims, KEY, url)
    transport = Transport.QUERY if Transport.QUERY in spec.carriage.transports else Transport.PATH
    parts = Url.parse(dialect.issue(url.text, token, spec.carriage, "/vod", transport).url)
    return Request("GET", "https", "cdn.example", parts.path, parts.query)


@pytest.mark.parametrize(("now", "is_open"), [(NOW + 59, True), (NOW + 59.999, True), (NOW + 60, False)])
def test_at_its_end_it_is_over(now: float, is_open: bool) -> None:
    objection = enforce(opened(signed()), Request("GET", "https", "h", FILM.path), Policy(), now)
    assert (objection is None) is is_open


@pytest.mark.parametrize(
    "claims",
    [
        replace(TestContract.claims, expires=NOW + 0.5),
        replace(TestContract.claims, expires=-1),
        replace(TestContract.claims, scope=PathScope.prefix("/vod")),
        replace(TestContract.claims, subject="x"),
        replace(TestContract.claims, not_before=NOW),
    ],
)
def test_what_a_token_cannot_say(claims: Claims) -> None:
    for url in (FILM, None):
        with pytest.raises(Misuse):
            DIALECTS["gcore"].make(DIALECTS["gcore"].options()).mint(claims, KEY, url)


def test_another_path_is_refused() -> None:
    assert refused(replace(signed(), path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(signed(), path="/vod/film/../film/a.ts")) in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}


class TestContractOfAddresses(TestContract):
    """The contract's requests have no address, so that of the tests stands in `found`."""

    options = GcoreOptions(has_address=True)
    claims = replace(TestContract.claims, networks=(ip_network("192.0.2.1"),))

    def found(self, transport: Transport | None = None) -> Found:
        found = super().found(transport)
        return replace(found, bound=(*found.bound[:2], "192.0.2.1"))

    def test_it_is_located_by_every_transport(self) -> None:
        found = self.found(Transport.QUERY)
        assert (found.path, found.query) == (FILM.path, FILM.query)


@pytest.mark.parametrize("kind", ["with_address", "without"])
def test_the_vectors(kind: str) -> None:
    vector = VECTORS[kind]
    client = ip_address(vector["client"]) if "client" in vector else None
    request = Request("GET", "https", "h", VECTORS["path"], vector["query"], client=client)
    options = GcoreOptions(has_address=client is not None)
    claims = opened(request, weak(VECTORS["secret"].encode()), options)
    assert claims.expires == VECTORS["expires"]
    assert claims.scope == PathScope.exact(VECTORS["path"])
    assert claims.networks == (None if client is None else (ip_network(client),))
    other = refused(request, weak(VECTORS["secret"].encode()), GcoreOptions(not options.has_address))
    assert other in {Reason.BAD_SIGNATURE, Reason.WRONG_NETWORK}


def test_another_address_is_refused() -> None:
    options = GcoreOptions(has_address=True)
    request = signed(replace(TestContract.claims, networks=(ip_network("2001:db8::1"),)), options)
    assert opened(replace(request, client=ip_address("2001:db8::1")), options=options).key_id == "k1"
    assert refused(replace(request, client=ip_address("2001:db8::2")), options=options) is Reason.BAD_SIGNATURE
    assert refused(request, options=options) is Reason.WRONG_NETWORK


def test_an_address_is_said_where_it_is_hashed() -> None:
    with pytest.raises(Misuse):
        signed(options=GcoreOptions(has_address=True))


def test_a_parameter_twice() -> None:
    request = signed()
    assert refused(replace(request, query=request.query + "&md5=x")) is Reason.AMBIGUOUS
