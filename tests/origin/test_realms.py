"""Configuration becomes admission rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth import Carriage, Policy, Transport
from origin.realms import realm_of
from origin.settings import Mount, parse

SIGNED = {"prefix": "/vod", "storage": "memory:", "access": "signed", "keys": "main"}


def mount(**keys: object) -> Mount:
    tables = {"keyrings": {"main": {"file": "keys.json"}}, "mount": [SIGNED | keys]}
    return parse(tables, Path("/etc/headgate")).mount[0]


def test_what_is_not_configured_is_strict() -> None:
    realm = realm_of(mount())
    assert realm.prefix == "/vod"
    assert [accepted.dialect for accepted in realm.accepts] == ["jwt"]
    assert realm.policy == Policy(leeway=5, expiry_required=True, scope_required=True)


@pytest.mark.parametrize(
    ("keys", "policy"),
    [
        ({"issuers": ["https://a.example"]}, Policy(issuers=frozenset({"https://a.example"}), leeway=5)),
        ({"audience": ["a", "b"]}, Policy(audiences=frozenset({"a", "b"}), leeway=5)),
        ({"leeway_seconds": 0}, Policy(leeway=0)),
        ({"require_path_scope": False}, Policy(leeway=5, scope_required=False)),
    ],
)
def test_every_key_becomes_its_rule(keys: dict[str, object], policy: Policy) -> None:
    assert realm_of(mount(**keys)).policy == policy


def test_tokens_ride_under_the_configured_name_by_every_transport() -> None:
    [accepted] = realm_of(mount(token_name="t_1")).accepts
    assert accepted.carriage == Carriage("t_1", frozenset(Transport))


@pytest.mark.parametrize("prefix", ["/vod", "/a/b", "/a.b-c_d~e"])
def test_every_prefix_that_can_be_configured_makes_a_realm(prefix: str) -> None:
    assert realm_of(mount(prefix=prefix)).prefix == prefix
