"""Which addresses are connected to, and that a name cannot lead to others."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from origin.upstream.addresses import CheckedResolver, ForbiddenAddressError, Reachable
from origin.upstream.http_config import HttpOriginConfig
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.contracts.origin_server import whole
from tests.liar import Liar, response

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:7f00:1::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
NO_ADDRESSES = ["", "localhost", "origin.example", "2130706433", "0x7f.1", "127.1", "010.0.0.1", "1.2.3.4.5", "[::1]"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    assert not Reachable().allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert Reachable().allows(address)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address(text: str) -> None:
    assert not Reachable((ip_network("0.0.0.0/0"), ip_network("::/0"))).allows(text)


def test_a_network_that_is_configured() -> None:
    rule = Reachable((ip_network("10.1.0.0/16"), ip_network("fd12::/16")))
    assert [rule.allows(each) for each in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::7", "8.8.8.8")] == [True] * 4
    assert [rule.allows(each) for each in ("10.2.0.1", "fd13::7", "127.0.0.1", "::1")] == [False] * 4


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_what_it_leads_to(address: IPv4Address) -> None:
    assert Reachable().allows(f"::ffff:{address}") is Reachable().allows(str(address))


@given(st.ip_addresses())
def test_nothing_of_a_private_kind_is_public(address: IPv4Address | IPv6Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not Reachable().allows(str(address))


def test_no_socket_for_another_address() -> None:
    with pytest.raises(ForbiddenAddressError):
        Reachable().new_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    rule = Reachable((ip_network("127.0.0.1"),))
    rule.new_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))).close()


class Names(AbstractResolver):
    """A resolver whose every answer is the next of those that it was given."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.is_closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=_family(each), proto=0, flags=0)
            for each in answer
        ]

    async def close(self) -> None:
        self.is_closed = True


def _family(address: str) -> int:
    return socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6


async def test_only_addresses_that_are_allowed_are_given() -> None:
    names = Names(["127.0.0.1", "8.8.8.8", "::1", "2606:4700::1"], ["10.0.0.1", "::1"], [])
    resolver = CheckedResolver(Reachable(), lambda: names)
    assert [each["host"] for each in await resolver.resolve("a", 80)] == ["8.8.8.8", "2606:4700::1"]
    with pytest.raises(ForbiddenAddressError):
        await resolver.resolve("a", 80)
    assert await resolver.resolve("a", 80) == []
    await resolver.close()
    assert names.is_closed


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with Liar() as server:
        server.says(response(b"secret", "Connection: close"))
        yield server


async def test_a_name_may_not_lead_to_a_private_network(liar: Liar) -> None:
    config = HttpOriginConfig((f"http://origin.example:{liar.port}",), retries=0)
    for addresses in (["127.0.0.1"], ["::ffff:127.0.0.1"], ["::1", "127.0.0.1"]):
        origin = HttpOrigin(config, make_resolver=lambda given=addresses: Names(given))  # type: ignore[misc]
        for work in (origin.fetch(Outgoing("GET", "/a")), origin.probe()):
            with pytest.raises(UpstreamError) as caught:
                await work
            assert caught.value.trouble is Trouble.FORBIDDEN_ADDRESS
        await origin.close()
    assert liar.connections == 0


async def test_a_name_may_lead_to_a_network_that_is_configured_and_nowhere_else(liar: Liar) -> None:
    """It changes its mind between two requests: what was right the first time is checked again."""
    config = HttpOriginConfig(
        (f"http://origin.example:{liar.port}",), retries=0, private_networks=(ip_network("127.0.0.1"),)
    )
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    origin = HttpOrigin(config, make_resolver=lambda: names)
    incoming = await origin.fetch(Outgoing("GET", "/a"))
    assert await whole(incoming) == b"secret"
    origin_of_its_own = HttpOrigin(config, make_resolver=lambda: names)  # nothing is remembered there
    with pytest.raises(UpstreamError) as caught:
        await origin_of_its_own.fetch(Outgoing("GET", "/a"))
    assert caught.value.trouble is Trouble.FORBIDDEN_ADDRESS
    await origin.close()
    await origin_of_its_own.close()
