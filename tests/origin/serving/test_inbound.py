from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest
from aiohttp.http import HttpVersion
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from auth.request import Place
from origin.serving.edge_facts import EdgeFacts, FieldNames
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import Inbound, RefusedRequestError, read_request

METHODS = frozenset({"GET", "HEAD"})
PROXIES = TrustedProxies([ip_network("10.0.0.0/8")])
Fields = list[tuple[str, str]]


async def read(
    target: str = "/vod/a",
    fields: Fields | None = None,
    method: str = "GET",
    version: tuple[int, int] = (1, 1),
    peer: str = "10.0.0.1",
    max_body: int = 0,
) -> Inbound:
    made = make_mocked_request(method, target, CIMultiDict(fields or [("Host", "a")]), version=HttpVersion(*version))
    return read_request(made.clone(remote=peer), METHODS | ({"POST"} if max_body else set()), max_body, PROXIES)


@pytest.mark.parametrize(
    ("target", "host", "authority", "path", "query"),
    [
        ("/vod/a?b=c?d", "CDN.example:8443", "cdn.example:8443", "/vod/a", "b=c?d"),
        ("/", "a:", "a", "/", ""),
        ("/a", "", "", "/a", ""),
        ("http://B.example/vod/a?c", "a", "b.example", "/vod/a", "c"),
        ("HTTPS://b?c", "a", "b", "/", "c"),
        ("/a", "[::1]:80", "[::1]:80", "/a", ""),
    ],
)
async def test_target(target: str, host: str, authority: str, path: str, query: str) -> None:
    facts = (await read(target, [("Host", host)])).facts
    assert (facts.authority, facts.path, facts.query) == (authority, path, query)


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        (lambda: read(version=(2, 0)), 505, "version_unsupported"),
        (lambda: read(version=(0, 9)), 505, "version_unsupported"),
        (lambda: read(method="POST"), 405, "method_not_allowed"),
        (lambda: read(fields=[("Content-Length", "1")]), 400, "body_not_allowed"),
        (lambda: read(fields=[("Content-Length", "00")]), 400, "body_not_allowed"),
        (lambda: read(fields=[("Transfer-Encoding", "chunked")]), 400, "body_not_allowed"),
        (lambda: read("*"), 400, "target_malformed"),
        (lambda: read("ftp://a/b"), 400, "target_malformed"),
        (lambda: read("/a#b"), 400, "target_malformed"),
        (lambda: read("http:///a"), 400, "authority_malformed"),
        (lambda: read(fields=[("Host", "a/b")]), 400, "authority_malformed"),
        (lambda: read(fields=[("Host", "a, b")]), 400, "authority_malformed"),
        (lambda: read(fields=[("Host", "a:123456")]), 400, "authority_malformed"),
    ],
)
async def test_refusals(asked: Callable[[], object], status: int, reason: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        await asked()  # type: ignore[misc]
    assert (caught.value.status, caught.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("method", "field", "status"),
    [
        ("POST", ("Content-Length", "0"), None),
        ("POST", ("Content-Length", "10"), None),
        ("POST", ("Content-Length", "11"), 413),
        ("POST", ("Content-Length", "9" * 5000), 413),
        ("POST", ("Content-Length", "+1"), 413),
        ("POST", ("Accept", "a"), 411),
        ("POST", ("Transfer-Encoding", "chunked"), 400),
        ("GET", ("Content-Length", "1"), 400),
        ("GET", ("Accept", "a"), None),
    ],
)
async def test_a_post_may_have_a_body_where_one_is_awaited(
    method: str, field: tuple[str, str], status: int | None
) -> None:
    if status is None:
        assert (await read(fields=[field], method=method, max_body=10)).body == b""
        return
    with pytest.raises(RefusedRequestError) as caught:
        await read(fields=[field], method=method, max_body=10)
    assert caught.value.status == status


async def test_proxies_are_believed_and_strangers_are_not() -> None:
    fields = [("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "HTTPS")]
    behind = (await read(fields=fields)).facts
    assert (behind.client, behind.scheme) == (ip_address("1.2.3.4"), "https")
    stranger = (await read(fields=fields, peer="8.8.8.8")).facts
    assert (stranger.client, stranger.scheme) == (ip_address("8.8.8.8"), "http")
    mapped = (await read(fields=fields, peer="::ffff:10.0.0.1")).facts
    assert mapped.client == ip_address("1.2.3.4")


async def test_fields_and_cookies() -> None:
    fields = [("Cookie", "a=b; token=x=y ;bare; =z"), ("Cookie", "token=2"), ("Accept", "p"), ("ACCEPT", "q")]
    inbound = await read(fields=fields)
    assert inbound.facts.cookies == (("a", "b"), ("token", "x=y"), ("token", "2"))
    assert inbound.field("accept") == "p, q"
    assert inbound.field("range") is None
    assert ("accept", "q") in inbound.facts.headers
    assert inbound.method == "GET"


async def test_a_proxy_that_is_believed_is_told_apart() -> None:
    assert (await read()).is_from_proxy
    assert not (await read(peer="192.0.2.1")).is_from_proxy


async def test_asked_for_another_viewer_the_place_is_that_viewers() -> None:
    facts = EdgeFacts(FieldNames(), lambda client: Place(country="CA" if client.is_private else "FR"))
    made = make_mocked_request("GET", "/vod/a", CIMultiDict([("Host", "a")]))
    asked = read_request(made.clone(remote="10.0.0.1"), METHODS, 0, PROXIES, facts)
    viewer = ip_address("8.8.8.8")
    other = asked.asked_for(viewer)
    assert (asked.facts.place.country, other.facts.place.country, other.facts.client) == ("CA", "FR", viewer)
    assert other.facts.path == asked.facts.path
