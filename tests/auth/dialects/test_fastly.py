"""The `fastly` dialect: the contract, a vector, boundaries and what is covered."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from auth.dialects.fastly import Covers, FastlyOptions
from auth.errors import Reason
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from tests.auth.samples import NOW
from tests.contracts.timed_url import Signs, TimedUrlContract, weak

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fastly.json").read_text())


class TestContract(TimedUrlContract):
    name = "fastly"


SIGNS = Signs("fastly")
opened, refused, signed = SIGNS.opened, SIGNS.refused, SIGNS.signed


class TestContractOfPaths(TestContract):
    options = FastlyOptions(Covers.PATH)


def test_the_vector() -> None:
    request = Request("GET", "https", "h", VECTORS["path"], f"token={VECTORS['token']}")
    for covers in Covers:
        claims = opened(request, weak(base64.b64decode(VECTORS["key_base64"])), FastlyOptions(covers))
        assert claims.expires == VECTORS["expires"]
        assert claims.scope == PathScope.exact(VECTORS["path"])


def test_the_query_is_covered_unless_it_is_not() -> None:
    request = signed()
    assert refused(replace(request, query=request.query.replace("x=1", "x=2"))) is Reason.BAD_SIGNATURE
    of_path = FastlyOptions(Covers.PATH)
    request = signed(options=of_path)
    assert opened(replace(request, query=request.query.replace("x=1", "x=2")), options=of_path).key_id == "k1"


@pytest.mark.parametrize("text", ["1_" + "a" * 40, "0" * 10 + "_" + "a" * 40, f"{NOW}_{'A' * 40}", f"{NOW}_{'a' * 41}"])
def test_other_shapes(text: str) -> None:
    assert refused(Request("GET", "https", "h", "/a", f"token={text}")) is Reason.MALFORMED


def test_two_tokens_are_ambiguous() -> None:
    request = signed()
    assert refused(replace(request, query=request.query + "&token=x")) is Reason.AMBIGUOUS


def test_a_url_gives_no_digit_to_the_expiry() -> None:
    url = Url.parse("https://cdn.example/vod/ch2")
    request = signed(replace(TestContract.claims, scope=PathScope.exact(url.path)), url=url)
    shifted = replace(request, path="/vod/ch", query=request.query.replace("token=", "token=2"))
    assert refused(shifted) is Reason.MALFORMED
