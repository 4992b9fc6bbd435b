"""`headgate apikey`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from origin.control.api_keys import hash_of
from origin.settings import parse
from tests.origin.cli.conftest import Console


def test_the_configuration_gets_the_hash_alone(console: Console) -> None:
    said = console("apikey", "backend")
    word, _, snippet = said.out.partition("\n")
    table = tomllib.loads(snippet)["admin"]["api_keys"]["backend"]
    assert said.code == 0
    assert table == {"sha256": hash_of(word), "permissions": ["sign", "verify"]}
    assert word not in snippet


def test_as_json(console: Console) -> None:
    answer = json.loads(console("apikey", "ops", "--permission", "revoke", "--json").out)
    assert answer == {"key": answer["key"], "sha256": hash_of(answer["key"]), "permissions": ["revoke"]}


@pytest.mark.parametrize("arguments", [["Ops"], ["a.b"], ["ops", "--permission", "everything"], []])
def test_mistakes(console: Console, arguments: list[str]) -> None:
    said = console("apikey", *arguments)
    assert (said.code, said.out) == (2, "")


def test_settings_take_what_it_prints(console: Console) -> None:
    snippet = console("apikey", "a-b_c").out.partition("\n")[2]
    mount = {"prefix": "/open", "storage": "memory:", "access": "open"}
    settings = parse(tomllib.loads(snippet) | {"mount": [mount]}, Path("/"))
    assert settings.admin.api_keys["a-b_c"].permissions == ("sign", "verify")
