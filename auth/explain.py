"""Why a request is let in or not, rule by rule, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from auth.carriage import Found
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Dialect, Spec
from auth.enforce import REQUEST_RULES, TOKEN_RULES
from auth.errors import Denied, Reason
from auth.gate import doors_of, located
from auth.keys import KeyRing, Rings, ring_of
from auth.realm import Realm
from auth.request import Request


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. The words may show what a token says, never the token, a signature or a key."""

    name: str
    verdict: Verdict
    words: str = ""


Checks = tuple[Check, ...]


def explain(
    request: Request,
    realm: Realm,
    rings: Rings,
    now: float,
    dialects: Mapping[str, Spec] = DIALECTS,
) -> Checks:
    """Every check that `Gate.admit` makes of a token, in its order, without stopping at the first that fails.

    What a token says of itself is shown even if it is not authentic; it is marked as such by the check
    "authentic". Rules are skipped then: nothing that a forger wrote is worth a verdict.
    """
    seen = realm.as_seen(request)
    try:
        door, found = located(doors_of(realm, dialects), seen, realm.prefix)
    except Denied as denied:
        return (_failed("token", denied), *_skipped("says", "authentic", "key", *TOKEN_RULES, *REQUEST_RULES))
    where = Check("token", Verdict.OK, f"{door.accepted.dialect}, in the {found.transport}")
    says = _says(door.dialect, found)
    ring = ring_of(rings, door.accepted.keys)
    try:
        claims = door.dialect.verify(found, ring)
    except Denied as denied:
        return (where, says, _failed("authentic", denied), *_skipped("key", *TOKEN_RULES, *REQUEST_RULES))
    authentic = Check("authentic", Verdict.OK)
    asked = seen.at(found.path, found.query)
    return (where, says, authentic, _key(claims, realm, ring, now), *_rules(claims, asked, realm, now))


def _says(dialect: Dialect, found: Found) -> Check:
    try:
        statements = dialect.describe(found)
    except Denied as denied:
        return _failed("says", denied)
    return Check("says", Verdict.OK, "; ".join(f"{name}: {words}" for name, words in statements))


def _key(claims: Claims, realm: Realm, ring: KeyRing, now: float) -> Check:
    key = None if claims.key_id is None else ring.find(claims.key_id)
    if key is None or not key.is_in_force(now, 0 if claims.strict_time else realm.policy.leeway):
        return _failed("key", Denied(Reason.KEY_NOT_IN_FORCE))
    return Check("key", Verdict.OK, f"{key.id}, {key.algorithm}")


def _rules(claims: Claims, request: Request, realm: Realm, now: float) -> Checks:
    of_token = {name: rule(claims, realm.policy, now) for name, rule in TOKEN_RULES.items()}
    of_request = {name: rule(claims, request, now) for name, rule in REQUEST_RULES.items()}
    return tuple(
        Check(name, Verdict.OK) if objection is None else _failed(name, objection)
        for name, objection in (of_token | of_request).items()
    )


def _failed(name: str, denied: Denied) -> Check:
    return Check(name, Verdict.FAILED, str(denied))


def _skipped(*names: str) -> Checks:
    return tuple(Check(name, Verdict.SKIPPED) for name in names)
