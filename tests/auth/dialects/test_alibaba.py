"""The `alibaba` dialect: the contract by type, vectors, boundaries and clocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from auth.carriage import Carriage, Transport
from auth.dialects.alibaba import AlibabaOptions, Type, alibaba
from auth.errors import Denied, Misuse, Reason
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from tests.auth.samples import NOW
from tests.contracts.timed_url import RING, Signs, TimedUrlContract, weak

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "alibaba.json").read_text())


class TestContract(TimedUrlContract):
    name = "alibaba"


SIGNS = Signs("alibaba")
opened, refused, signed = SIGNS.opened, SIGNS.refused, SIGNS.signed


class TestContractOfTypeB(TestContract):
    options = AlibabaOptions(Type.B)
    transports = (Transport.PATH, Transport.QUERY)


class TestContractOfTypeC(TestContractOfTypeB):
    options = AlibabaOptions(Type.C)


class TestContractOfTypeCQuery(TestContract):
    options = AlibabaOptions(Type.C_QUERY)


class TestContractOfTypeF(TestContract):
    options = AlibabaOptions(Type.F)


class TestContractOfTypeFHexadecimal(TestContract):
    options = AlibabaOptions(Type.F, 60, True)


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["type"])
def test_the_vectors(vector: Mapping[str, str]) -> None:
    request = Request("GET", "https", "h", vector["path"], vector["query"])
    claims = opened(request, weak(VECTORS["secret"].encode()), AlibabaOptions(Type(vector["type"]), 600))
    assert claims.expires == int(vector["issued"]) + 600
    assert claims.scope == PathScope.exact(vector["bare"])


@pytest.mark.parametrize("lifetime", [0, -1, 2**31 + 1])
def test_a_lifetime_that_is_none(lifetime: int) -> None:
    with pytest.raises(Misuse):
        alibaba(AlibabaOptions(lifetime=lifetime))


def test_type_b_counts_minutes() -> None:
    options = AlibabaOptions(Type.B, 60)
    assert opened(signed(options=options), options=options, mount="/vod").expires == NOW + 60
    with pytest.raises(Misuse):
        signed(replace(TestContract.claims, expires=NOW + 61), options)


@pytest.mark.parametrize(
    ("kind", "path"),
    [(Type.B, f"/202713010000/{'a' * 32}/x"), (Type.B, f"/20270101000/{'a' * 32}/x"), (Type.C, f"/{'a' * 32}/G/x")],
)
def test_times_that_are_none(kind: Type, path: str) -> None:
    dialect = alibaba(AlibabaOptions(kind))
    found = dialect.locate(Request("GET", "https", "h", path), Carriage("auth_key"), "/")
    if found is not None:
        with pytest.raises(Denied):
            dialect.verify(found, RING)


def test_the_user_and_the_random_number_are_covered() -> None:
    request = signed()
    assert "-0-0-" in request.query
    assert refused(replace(request, query=request.query.replace("-0-0-", "-0-1-"))) is Reason.BAD_SIGNATURE


def test_a_path_gives_no_digit_to_the_time() -> None:
    for options, name in ((AlibabaOptions(Type.F), "time="), (AlibabaOptions(Type.C_QUERY), "KEY2=")):
        url = Url.parse("https://cdn.example/vod/ch2")
        request = signed(replace(TestContract.claims, scope=PathScope.exact(url.path)), options, url)
        shifted = replace(request, path="/vod/ch", query=request.query.replace(name, name + "2"))
        assert refused(shifted, options=options) is Reason.MALFORMED
