"""What is read of a head, once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import ip_network

from multidict import CIMultiDict, CIMultiDictProxy

from origin.lane.visitor import Place, Visitor
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import Inbound, Received, read_request
from tests.origin.lane.scenes import head_of

PROXIES = TrustedProxies((ip_network("127.0.0.0/8"),))


def test_a_head_is_read_as_the_listener_reads_it_and_once() -> None:
    asked: list[str | None] = []

    def read(request: Received, methods: frozenset[str], max_body: int) -> Inbound:
        asked.append(request.remote)
        return read_request(request, methods, max_body, PROXIES)

    visitor = Visitor(read, "127.0.0.1", None, secure=False)
    head = head_of(("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"))
    for _ in range(3):
        assert visitor.sends(head)
    assert asked == ["127.0.0.1"]
    assert (visitor.place, visitor.client) == (Place("https", "cdn.example"), "192.0.2.7")
    assert visitor.sends(head_of(("X-Forwarded-For", "192.0.2.8")))
    assert (visitor.place.scheme, visitor.client) == ("http", "192.0.2.8")


def test_a_head_that_is_refused_is_none_at_all() -> None:
    visitor = Visitor(partial(read_request, proxies=PROXIES), "127.0.0.1", None, secure=True)
    good = visitor.inbound(head_of())
    assert good is not None
    assert good.facts.scheme == "https"
    no_host = replace(head_of(), fields=CIMultiDictProxy(CIMultiDict({"Host": "a/b"})))
    assert visitor.inbound(no_host) is None
    assert not visitor.sends(no_host)
    assert visitor.sends(head_of())
