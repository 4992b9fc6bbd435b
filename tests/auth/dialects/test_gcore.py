"""The `gcore` dialect: the contract, vectors, boundaries and addresses."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from auth.carriage import Found, Transport
from auth.dialects.gcore import GcoreOptions
from auth.errors import Misuse, Reason
from auth.request import Request
from auth.scope import PathScope
from tests.contracts.timed_url import FILM, Signs, TimedUrlContract, weak

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gcore.json").read_text())


class TestContract(TimedUrlContract):
    name = "gcore"


SIGNS = Signs("gcore")
opened, refused, signed = SIGNS.opened, SIGNS.refused, SIGNS.signed


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
