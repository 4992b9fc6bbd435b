"""Renewals and remedies that a CAT asks for."""

from __future__ import annotations

import pytest

from auth.cat_answers import read_remedies, read_renewal, write_renewal
from auth.errors import Denied, Misuse, Reason
from auth.remedy import Remedy
from auth.renewal import Renewal, RenewalTransport
from auth.strict_cbor import CborMap, CborValue

EXPIRED = frozenset({Reason.EXPIRED})
REASONS = {4: EXPIRED}
HOSTS = frozenset({"auth.example"})

RENEWALS: list[tuple[CborMap, Renewal]] = [
    ({0: 0, 1: 120, 2: 30}, Renewal(RenewalTransport.SAME, 120, 30)),
    (
        {0: 1, 1: 1.5, 2: 60, 3: "CAT", 5: ["Path=/", "Secure", "SameSite=None"]},
        Renewal(RenewalTransport.COOKIE, 1.5, 60, "CAT", cookie_attributes=("Path=/", "Secure", "SameSite=None")),
    ),
    (
        {0: 2, 1: 120, 2: 60, 4: "x-cat", 6: ["a=b"]},
        Renewal(RenewalTransport.HEADER, 120, 60, header_name="x-cat", header_parameters=("a=b",)),
    ),
    ({0: 3, 1: 120, 2: 60, 7: 307}, Renewal(RenewalTransport.REDIRECT, 120, 60, status=307)),
]


@pytest.mark.parametrize(("value", "renewal"), RENEWALS)
def test_renewals(value: CborMap, renewal: Renewal) -> None:
    assert read_renewal(value) == renewal
    assert write_renewal(renewal) == value


def test_the_deadline_is_a_minute_where_none_is_named() -> None:
    assert read_renewal({0: 0, 1: 120}).window == 60


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, Reason.MALFORMED),
        (None, Reason.MALFORMED),
        ({0: 0}, Reason.MALFORMED),
        ({1: 120}, Reason.MALFORMED),
        ({0: 4, 1: 120}, Reason.UNSUPPORTED),
        ({0: -1, 1: 120}, Reason.UNSUPPORTED),
        ({0: True, 1: 120}, Reason.MALFORMED),
        ({0: 0, 1: 0}, Reason.MALFORMED),
        ({0: 0, 1: -1}, Reason.MALFORMED),
        ({0: 0, 1: "120"}, Reason.MALFORMED),
        ({0: 0, 1: 10**12}, Reason.MALFORMED),
        ({0: 0, 1: 120, 2: -1}, Reason.MALFORMED),
        ({0: 0, 1: 120, 8: 0}, Reason.UNSUPPORTED),
        ({0: 0, 1: 120, "x": 0}, Reason.UNSUPPORTED),
        ({0: 1, 1: 120, 3: "a b"}, Reason.MALFORMED),
        ({0: 1, 1: 120, 3: ""}, Reason.MALFORMED),
        ({0: 2, 1: 120, 4: "x\r\ny"}, Reason.MALFORMED),
        ({0: 1, 1: 120, 5: ["Path=/; Domain=evil"]}, Reason.MALFORMED),
        ({0: 1, 1: 120, 5: ["Path=/\r\nX: y"]}, Reason.MALFORMED),
        ({0: 1, 1: 120, 5: "Path=/"}, Reason.MALFORMED),
        ({0: 2, 1: 120, 6: 307}, Reason.MALFORMED),  # the shifted labels of another library
        ({0: 3, 1: 120, 7: 200}, Reason.UNSUPPORTED),
        ({0: 3, 1: 120, 7: "307"}, Reason.MALFORMED),
        ({0: 3, 1: 120, 7: True}, Reason.MALFORMED),
    ],
)
def test_renewals_that_are_refused(value: CborValue, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        read_renewal(value)
    assert denied.value.reason is reason


def test_a_renewal_that_a_cat_cannot_say() -> None:
    with pytest.raises(Misuse):
        write_renewal(Renewal(RenewalTransport.QUERY, 120))


@pytest.mark.parametrize(
    ("item", "remedy"),
    [
        ([307, {"Location": "https://auth.example/?a=b"}], Remedy(EXPIRED, 307, "https://auth.example/?a=b")),
        ([302, {"location": "https://AUTH.example:8443/"}], Remedy(EXPIRED, 302, "https://AUTH.example:8443/")),
        ([401], Remedy(EXPIRED, 401)),
        ([403, {}], Remedy(EXPIRED, 403)),
        ([403, None, b"kid"], Remedy(EXPIRED, 403)),
    ],
)
def test_remedies(item: CborValue, remedy: Remedy) -> None:
    assert read_remedies({4: item}, REASONS, HOSTS) == (remedy,)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, Reason.MALFORMED),
        ([], Reason.MALFORMED),
        ({4: []}, Reason.MALFORMED),
        ({4: ["307"]}, Reason.MALFORMED),
        ({4: [True]}, Reason.MALFORMED),
        ({4: 307}, Reason.MALFORMED),
        ({5: [401]}, Reason.UNSUPPORTED),  # nothing of ours refuses for it
        ({"exp": [401]}, Reason.UNSUPPORTED),
        ({4: [200]}, Reason.UNSUPPORTED),
        ({4: [301, {"Location": "https://auth.example/"}]}, Reason.UNSUPPORTED),
        ({4: [307]}, Reason.MALFORMED),
        ({4: [401, {"Location": "https://auth.example/"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": "https://evil.example/"}]}, Reason.UNSUPPORTED),
        ({4: [307, {"Location": "https://auth.example@evil.example/"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": "//auth.example/"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": "javascript:alert(1)"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": "https://auth.example/\r\nSet-Cookie: a=b"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": "https://evil.example\\@auth.example/"}]}, Reason.MALFORMED),
        ({4: [307, {"Location": ["https://auth.example/?cat=", {1: None}]}]}, Reason.UNSUPPORTED),
        ({4: [307, {"Location": "https://auth.example/", "Set-Cookie": "a=b"}]}, Reason.UNSUPPORTED),
        ({4: [307, {"Set-Cookie": "a=b"}]}, Reason.UNSUPPORTED),
        ({4: [307, {1: "x"}]}, Reason.UNSUPPORTED),
        ({4: [307, {"Location": "https://auth.example/"}, b"kid", 1]}, Reason.UNSUPPORTED),
    ],
)
def test_remedies_that_are_refused(value: CborValue, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        read_remedies(value, REASONS, HOSTS)
    assert denied.value.reason is reason


def test_without_hosts_nothing_redirects() -> None:
    with pytest.raises(Denied):
        read_remedies({4: [307, {"Location": "https://auth.example/"}]}, REASONS, frozenset())
