"""Configuration becomes admission rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth import Carriage, Policy, Transport
from origin.realms import exchanged, realm_of
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
        ({"require_expiry": False}, Policy(leeway=5, expiry_required=False)),
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


@pytest.mark.parametrize(
    ("keys", "dialects"),
    [
        ({}, set()),
        ({"session": {"exchange": "external"}}, set()),
        ({"session": {"exchange": "always"}}, {"jwt"}),
        ({"session": {"exchange": "never"}}, set()),
        ({"session": {"exchange": "always"}, "propagate": "none"}, set()),
    ],
)
def test_whose_tokens_are_exchanged(keys: dict[str, object], dialects: set[str]) -> None:
    asked = mount(**keys)
    assert exchanged(asked) == dialects
    assert [accepted.dialect for accepted in realm_of(asked).accepts] == ["session"] * bool(dialects) + ["jwt"]


def test_a_session_goes_by_the_mounts_name_under_a_ring_of_its_own() -> None:
    tables = {
        "keyrings": {"main": {"file": "keys.json"}, "own": {"file": "own.json"}},
        "mount": [SIGNED | {"token_name": "t_1", "session": {"exchange": "always", "keys": "own"}}],
    }
    session, jwt = realm_of(parse(tables, Path("/etc/headgate")).mount[0]).accepts
    assert (session.carriage, session.keys, session.is_internal) == (Carriage("t_1"), "own", True)
    assert (jwt.carriage.name, jwt.keys, jwt.is_internal) == ("t_1", "main", False)
