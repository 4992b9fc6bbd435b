"""Rules about a viewer's address and country, in their order, and parts that are left out."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from auth.errors import Reason
from auth.request import Place, Request
from auth.rules import CONDITIONS
from auth.rules.access import AccessRule, AccessRules, NotBelow
from auth.rules.condition import Condition
from auth.strict_json import JsonValue

REQUEST = Request("GET", "https", "h", "/vod/v1/a.ts", client=ip_address("192.0.2.7"), place=Place("GB"))
NOWHERE = replace(REQUEST, client=None, place=Place())
GB, FR = (AccessRule(True, frozenset({country})) for country in ("GB", "FR"))
NOT_GB = AccessRule(False, frozenset({"GB", "IE"}))
NEAR, FAR = (AccessRule(True, networks=(ip_network(block),)) for block in ("192.0.2.0/24", "198.51.100.0/24"))
NOBODY, EVERYBODY = AccessRule(False), AccessRule(True)


def reason(request: Request, *rules: AccessRule) -> Reason | None:
    denied = AccessRules(rules).objection(request, 0)
    return None if denied is None else denied.reason


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ((GB, NOBODY), None),
        ((FR, NOBODY), Reason.WRONG_PLACE),
        ((NOT_GB,), Reason.WRONG_PLACE),
        ((NOT_GB, EVERYBODY), Reason.WRONG_PLACE),
        ((EVERYBODY, NOT_GB), None),
        ((FR,), None),
        ((NEAR, NOBODY), None),
        ((FAR, NOBODY), Reason.WRONG_PLACE),
        ((replace(NEAR, allows=False), EVERYBODY), Reason.WRONG_NETWORK),
        ((FAR, GB, NOBODY), None),
        ((NOBODY,), Reason.WRONG_PLACE),
    ],
)
def test_the_first_that_matches_decides(rules: tuple[AccessRule, ...], verdict: Reason | None) -> None:
    assert reason(REQUEST, *rules) is verdict


def test_an_unknown_viewer_passes_no_rule() -> None:
    assert reason(NOWHERE, NOT_GB) is Reason.WRONG_PLACE
    assert reason(NOWHERE, FAR) is Reason.WRONG_NETWORK
    assert reason(NOWHERE, EVERYBODY, FAR) is None


def test_a_mapped_address_is_the_ipv4_one() -> None:
    assert reason(replace(REQUEST, client=ip_address("::ffff:192.0.2.7")), NEAR, NOBODY) is None


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/vod/v1/a.ts", True),
        ("/vod/v1/downloads", True),
        ("/vod/v1/downloads/a.mp4", False),
        ("/vod/v1/%64ownloads/a.mp4", False),
        ("/vod/v1/../v1/downloads/a.mp4", False),
        ("/vod/v2/downloads/a.mp4", True),
    ],
)
def test_a_part_that_is_left_out(path: str, is_open: bool) -> None:
    denied = NotBelow("/vod/v1/downloads/").objection(REQUEST.at(path, ""), 0)
    assert (denied is None) is is_open


@pytest.mark.parametrize("condition", [AccessRules((GB, NEAR, NOT_GB, NOBODY)), NotBelow("/vod/")])
def test_they_travel_as_json(condition: Condition) -> None:
    assert CONDITIONS[condition.WORD].from_json(condition.to_json()) == condition


@pytest.mark.parametrize(
    "value",
    [None, 1, [], {}, [1], [[True]], [["x", [], []]], [[True, [1], []]], [[True, [], [1]]], [[True, [], ["x"]]]],
)
def test_only_their_own_json_is_read(value: JsonValue) -> None:
    for kind in (AccessRules, NotBelow):
        with pytest.raises(ValueError, match=r"access rules|slash|IPv4"):
            kind.from_json(value)
