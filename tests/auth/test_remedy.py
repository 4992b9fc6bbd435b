"""Which refusals a token answers itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.carriage import Found
from auth.claims import Claims
from auth.dialects.dialect import Spec
from auth.dialects.jwt import Jwt
from auth.errors import Denied, Reason
from auth.gate import Gate
from auth.keys import KeyRing
from auth.realm import Realm
from auth.remedy import Remedied, Remedy, remedied
from tests.auth.samples import CLAIMS, HMAC_KEY, NOW, RING, get, token

EXPIRED = frozenset({Reason.EXPIRED})
AWAY = Remedy(EXPIRED, 307, "https://auth.example/")
GONE = Remedy(frozenset({Reason.REVOKED, Reason.STORE_UNAVAILABLE}), 401)
MINTS = Remedy(EXPIRED, 307, "https://auth.example/?t=", "{}")


@pytest.mark.parametrize(
    ("reason", "remedies", "chosen"),
    [
        (Reason.EXPIRED, (AWAY,), AWAY),
        (Reason.EXPIRED, (GONE, AWAY), AWAY),
        (Reason.EXPIRED, (AWAY, replace(AWAY, status=303)), AWAY),
        (Reason.REVOKED, (AWAY, GONE), GONE),
        (Reason.EXPIRED, (), None),
        (Reason.EXPIRED, (GONE,), None),
        (Reason.EXPIRED, (MINTS,), None),
        (Reason.EXPIRED, (MINTS, AWAY), AWAY),
        (Reason.STORE_UNAVAILABLE, (GONE,), None),
    ],
)
def test_the_first_that_is_for_the_reason(reason: Reason, remedies: tuple[Remedy, ...], chosen: Remedy | None) -> None:
    denied = Denied(reason, "words")
    got = remedied(denied, remedies)
    assert (got.reason, got.detail, str(got)) == (denied.reason, denied.detail, str(denied))
    assert (got.remedy if isinstance(got, Remedied) else None) == chosen


class Hinting(Jwt):
    """JSON Web Tokens whose issuer says outside of them where to go."""

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        return replace(super().verify(found, ring), remedies=(AWAY, Remedy(frozenset(Reason), 401)))


@pytest.mark.parametrize(
    ("shown", "ring", "reason", "remedy"),
    [
        (token(CLAIMS | {"exp": NOW - 1}), RING, Reason.EXPIRED, AWAY),
        (token(CLAIMS | {"aud": "others"}), RING, Reason.WRONG_AUDIENCE, Remedy(frozenset(Reason), 401)),
        (token(CLAIMS | {"exp": NOW - 1})[:-4] + "AAAA", RING, Reason.BAD_SIGNATURE, None),
        (token(CLAIMS), KeyRing([replace(HMAC_KEY, not_after=NOW - 1)]), Reason.KEY_NOT_IN_FORCE, None),
    ],
)
def test_only_an_authentic_token_is_heard(shown: str, ring: KeyRing, reason: Reason, remedy: Remedy | None) -> None:
    gate = Gate(Realm("/vod"), {"jwt": Spec(lambda _options: Hinting())})
    with pytest.raises(Denied) as denied:
        gate.admit(get(query=f"token={shown}"), ring, NOW)
    assert denied.value.reason is reason
    assert (denied.value.remedy if isinstance(denied.value, Remedied) else None) == remedy
