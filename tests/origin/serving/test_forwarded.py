from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.serving.forwarded import TrustedProxies, address_of

PROXIES = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PEER = ip_address("10.0.0.1")
UNKNOWN = None


@pytest.mark.parametrize(
    ("x_forwarded_for", "forwarded", "client"),
    [
        ([], [], "10.0.0.1"),
        (["1.2.3.4"], [], "1.2.3.4"),
        (["9.9.9.9, 1.2.3.4"], [], "1.2.3.4"),
        (["9.9.9.9", "1.2.3.4"], [], "1.2.3.4"),  # a proxy may add a field of its own
        (["1.2.3.4, 10.0.0.2, 10.9.9.9"], [], "1.2.3.4"),
        (["10.0.0.3,10.0.0.2"], [], "10.0.0.3"),
        (["1.2.3.4:5678"], [], "1.2.3.4"),
        (["[2001:db8::1]:5678"], [], "2001:db8::1"),
        (["2001:db8::1"], [], "2001:db8::1"),
        (["::ffff:1.2.3.4"], [], "1.2.3.4"),
        (["1.2.3.4, ::ffff:10.0.0.9"], [], "1.2.3.4"),
        (["1.2.3.4, unknown"], [], UNKNOWN),
        (["1.2.3.4, "], [], UNKNOWN),
        ([""], [], UNKNOWN),
        (["1.2.3.4," * 40 + "10.0.0.2"], [], UNKNOWN),
        ([], ["for=1.2.3.4"], "1.2.3.4"),
        ([], ["For=1.2.3.4;proto=https;by=10.0.0.1"], "1.2.3.4"),
        ([], ['for="[2001:db8::1]:47011"'], "2001:db8::1"),
        ([], ['for=9.9.9.9, for="1.2.3.4:80" ; proto=http'], "1.2.3.4"),
        ([], ["for=9.9.9.9", "for=1.2.3.4, for=10.0.0.2"], "1.2.3.4"),
        ([], ['host="a, for=9.9.9.9"; for=1.2.3.4'], "1.2.3.4"),
        ([], [r'for="\1.2.3.4"'], "1.2.3.4"),
        ([], ["for=_hidden"], UNKNOWN),
        ([], ["for=unknown"], UNKNOWN),
        ([], ["proto=https"], UNKNOWN),
        ([], ["for=1.2.3.4;for=9.9.9.9"], UNKNOWN),
        ([], ["for=1.2.3.4;"], UNKNOWN),
        ([], ['for="1.2.3.4'], UNKNOWN),
        ([], [""], UNKNOWN),
        (["1.2.3.4"], ["for=1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4"], ["for=9.9.9.9"], UNKNOWN),
        (["1.2.3.4"], ["nonsense"], UNKNOWN),
    ],
)
def test_client(x_forwarded_for: list[str], forwarded: list[str], client: str | None) -> None:
    expected = None if client is None else ip_address(client)
    assert PROXIES.client(PEER, x_forwarded_for, forwarded) == expected


def test_who_is_no_proxy_is_not_believed() -> None:
    stranger = ip_address("8.8.8.8")
    assert PROXIES.client(stranger, ["1.2.3.4"], ["for=1.2.3.4"]) == stranger
    assert PROXIES.client(None, ["1.2.3.4"]) is None
    assert TrustedProxies([]).client(PEER, ["1.2.3.4"]) == PEER


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_a_viewer_writes_before_a_proxy_never_counts(x_forwarded_for: str, forwarded: str) -> None:
    found = PROXIES.client(PEER, [x_forwarded_for, "1.2.3.4"])
    assert found == ip_address("1.2.3.4")
    assert PROXIES.client(PEER, ["1.2.3.4"], [forwarded]) in {ip_address("1.2.3.4"), None}


@pytest.mark.parametrize("text", ["", "a", "1.2.3", "1.2.3.4.5", "[1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4%eth0"])
def test_what_is_no_address(text: str) -> None:
    assert address_of(text) is None


def test_a_zone_says_nothing_about_who_it_is() -> None:
    assert address_of("fe80::1%eth0") == ip_address("fe80::1")
