"""Akamai's own generator and our dialect, both ways. It sets the process's time zone, so it runs in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.akamai import Akamai, AkamaiOptions, Mac
from auth.keys import Key, KeyRing
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret, Token

pytestmark = pytest.mark.system

HEXADECIMAL = "00112233445566778899aabbccddeeff0123456789"
KEY = Key("k1", Algorithm.SHARED, Secret(bytes.fromhex(HEXADECIMAL)))
END = 2_000_000_000

PEER = """
import json, sys
from akamai.edgeauth import EdgeAuth
options, kind, what = json.load(sys.stdin)
auth = EdgeAuth(**options)
print(json.dumps(auth.generate_url_token(what) if kind == "url" else auth.generate_acl_token(what)))
"""


def generated(options: Mapping[str, object], kind: str, what: object) -> str:
    """What Akamai's generator makes."""
    asked = json.dumps([{"key": HEXADECIMAL, "end_time": END} | dict(options), kind, what])
    ran = subprocess.run([sys.executable, "-c", PEER], input=asked, capture_output=True, text=True, check=True)
    return str(json.loads(ran.stdout))


def found(text: str, target: str = "") -> Found:
    return Found(Token(text), Transport.QUERY, "/", "", (target, ""))


@pytest.mark.parametrize("using", Mac)
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("salt", [None, "pepper ü"])
def test_tokens_for_paths_both_ways(using: Mac, early: bool, salt: str | None) -> None:
    options = AkamaiOptions(using, None if salt is None else Secret(salt.encode()), early)
    session, data = ("s 1/ü*'", "k=v&a") if early else ("s-1", "k=v")
    theirs = generated(
        {
            "algorithm": using.value,
            "salt": salt,
            "escape_early": early,
            "ip": "2001:db8::1",
            "start_time": END - 60,
            "session_id": session,
            "payload": data,
        },
        "acl",
        ["/vod/film/*", "/live/?.m3u8"],
    )
    claims = Akamai(options).verify(found(theirs), KeyRing([KEY]))
    assert (claims.session_id, claims.expires, claims.extra) == (session, END, (("data", data),))
    assert Akamai(options).mint(claims, KEY).reveal() == theirs


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("target", ["/vod/a.m3u8", "/vod/a%20b.m3u8?x=1&y=%C3%BC", "/vod/~a/(b)'!*.ts"])
def test_tokens_for_a_url_both_ways(early: bool, target: str) -> None:
    dialect = Akamai(AkamaiOptions(escape_early=early))
    theirs = generated({"escape_early": early}, "url", target)
    assert dialect.verify(found(theirs, target), KeyRing([KEY])).urls == PathAndQuery(target)
    claims = Claims(expires=END, urls=PathAndQuery(target))
    assert dialect.mint(claims, KEY, Url.parse("https://h" + target)).reveal() == theirs


def test_a_prefix_of_ours_is_an_acl_of_theirs() -> None:
    ours = Akamai(AkamaiOptions()).mint(Claims(expires=END, scope=PathScope.prefix("/vod/film")), KEY).reveal()
    assert ours == generated({}, "acl", ["/vod/film", "/vod/film/*"])
