"""The `keycdn` dialect: the contract, a vector and boundaries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from auth.errors import Reason
from auth.request import Request
from auth.scope import PathScope
from tests.contracts.timed_url import Signs, TimedUrlContract, weak

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "keycdn.json").read_text())


class TestContract(TimedUrlContract):
    name = "keycdn"


SIGNS = Signs("keycdn")
opened, refused, signed = SIGNS.opened, SIGNS.refused, SIGNS.signed


def test_the_vector() -> None:
    claims = opened(Request("GET", "https", "h", VECTORS["path"], VECTORS["query"]), weak(VECTORS["secret"].encode()))
    assert claims.expires == VECTORS["expires"]
    assert claims.scope == PathScope.exact(VECTORS["path"])


def test_the_query_is_not_covered() -> None:
    request = signed()
    assert opened(replace(request, query=request.query.replace("x=1", "x=2"))).key_id == "k1"


@pytest.mark.parametrize("query", ["", "&expire=0", "&expire=01", "&expire=x"])
def test_an_expiry_that_is_none(query: str) -> None:
    assert refused(Request("GET", "https", "h", "/a", f"token={'a' * 22}{query}")) in {
        Reason.MALFORMED,
        Reason.BAD_SIGNATURE,
    }


@pytest.mark.parametrize("query", ["&token=x", "&expire=1"])
def test_a_parameter_twice(query: str) -> None:
    request = signed()
    assert refused(replace(request, query=request.query + query)) is Reason.AMBIGUOUS
