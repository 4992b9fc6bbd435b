"""`headgate verify`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.origin.cli.conftest import Console

URL = "/vod/film/index.m3u8"


@pytest.fixture
def signed(console: Console) -> str:
    return console("sign", URL).out.strip()


def test_what_is_let_in(console: Console, signed: str) -> None:
    assert console("verify", signed) == console("verify", f"https://cdn.example{signed}")
    said = console("verify", signed)
    assert (said.code, said.out, said.err) == (0, "ok\n", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.partition("?")[0], "token_absent"),
        (lambda url: url + "&token=another", "token_ambiguous"),
        (lambda url: url.replace("/film/", "/other/"), "path_out_of_scope"),
        (lambda url: url[:-4] + ("AAAA" if not url.endswith("AAAA") else "BBBB"), "signature_invalid"),
        (lambda url: URL + "?token=nonsense", "token_malformed"),
    ],
    ids=["none", "two", "another path", "another signature", "nonsense"],
)
def test_what_is_refused_has_its_reason_and_code_1(
    console: Console, signed: str, change: Callable[[str], str], reason: str
) -> None:
    said = console("verify", change(signed))
    assert said.code == 1
    assert said.out.startswith(f"refused: {reason}")
    answer = json.loads(console("verify", change(signed), "--json").out)
    assert answer["ok"] is False
    assert any(check["verdict"] == "failed" and reason in check["words"] for check in answer["checks"])


def test_every_check_is_explained_and_no_token_shown(console: Console, signed: str) -> None:
    said = console("verify", signed, "--explain")
    checks = [line.split()[1] for line in said.out.splitlines()]
    assert checks[:4] == ["token", "says", "authentic", "key"]
    assert {"expiry", "audience", "path", "network"} <= set(checks)
    payload, signature = signed.split(".")[-2:]
    assert payload not in said.out
    assert signature not in said.out
    answer = json.loads(console("verify", signed, "--json").out)
    assert answer["ok"] is True
    assert [check["check"] for check in answer["checks"]] == checks


@pytest.mark.parametrize(("at", "code"), [("0", 1), ("1e12", 1)])
def test_another_time(console: Console, signed: str, at: str, code: int) -> None:
    assert console("verify", signed, "--at", at).code == code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--client", "here"], "--client is not an IP address"),
        (["--at", "nan"], "--at is a number of seconds"),
        (["--at", "inf"], "--at is a number of seconds"),
        (["--at", "soon"], "Invalid value for '--at'"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(console: Console, signed: str, arguments: list[str], says: str) -> None:
    said = console("verify", signed, *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert says in said.err
    assert signed.rpartition("=")[2] not in said.err


@pytest.mark.parametrize("url", ["/elsewhere/x.ts", "/open/x.ts", "http://[/vod/x.ts", ""])
def test_a_url_that_no_token_is_for(console: Console, url: str) -> None:
    said = console("verify", url)
    assert (said.code, said.out) == (2, "")
