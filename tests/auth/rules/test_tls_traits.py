"""What is asked of the TLS connection."""

from __future__ import annotations

import hashlib

import pytest

from auth.errors import Reason
from auth.request import Request, Tls
from auth.rules import CONDITIONS
from auth.rules.condition import Condition
from auth.rules.tls_traits import ClientKey, Protocols, TlsFingerprint
from auth.strict_json import JsonValue

KEY = hashlib.sha256(b"key").digest()
TLS = Tls("h2", (("ja3", "ABCD"), ("ja4", "t13d1516h2_x")), KEY)
RULES: dict[Condition, Condition] = {  # what holds, and what does not
    Protocols(("h3", "h2")): Protocols(("h3", "http/1.1")),
    ClientKey(KEY.hex()): ClientKey(bytes(32).hex()),
    TlsFingerprint("ja4", "T13D1516h2_x"): TlsFingerprint("ja3", "t13d1516h2_x"),
}


def reason(condition: Condition, tls: Tls | None) -> Reason | None:
    objection = condition.objection(Request("GET", "https", "h", "/", tls=tls), 0)
    return None if objection is None else objection.reason


@pytest.mark.parametrize("condition", RULES)
def test_a_trait(condition: Condition) -> None:
    assert reason(condition, TLS) is None
    assert reason(RULES[condition], TLS) is Reason.WRONG_TLS
    assert reason(condition, Tls()) is Reason.WRONG_TLS
    assert reason(condition, None) is Reason.WRONG_TLS


@pytest.mark.parametrize("condition", RULES)
def test_it_travels_as_json(condition: Condition) -> None:
    assert CONDITIONS[condition.WORD].from_json(condition.to_json()) == condition


@pytest.mark.parametrize("kind", [Protocols, ClientKey, TlsFingerprint])
@pytest.mark.parametrize(
    "value", [None, 1, [], [1], [""], ["", "x"], ["ja4", ""], ["ja4", 1], "", "abc", "ab", "AB" * 32, "zz" * 32, {}]
)
def test_only_its_own_json_is_read(kind: type[Condition], value: JsonValue) -> None:
    if kind is Protocols and value == ["ja4", ""]:
        value = ["h2", ""]
    with pytest.raises(ValueError):
        kind.from_json(value)
