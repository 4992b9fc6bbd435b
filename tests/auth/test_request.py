"""A request does not show what may carry a token."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_address

from auth.request import Place, Request, Tls


def test_repr_hides_what_may_carry_a_token() -> None:
    request = Request(
        "GET",
        "https",
        "h",
        "/vod/token=HUSH/a",
        "token=HUSH",
        (("authorization", "Bearer HUSH"),),
        (("token", "HUSH"),),
    )
    assert "HUSH" not in repr(request)


def test_at_changes_path_and_query_alone() -> None:
    client, place = ip_address("192.0.2.1"), Place("CA")
    request = Request("GET", "https", "h", "/a", "b", (("c", "d"),), (("e", "f"),), client, place, Tls("h2"))
    assert all(getattr(request, each.name) != each.default for each in fields(Request)), "a field that is not looked at"
    assert request.at("/x", "y") == replace(request, path="/x", query="y")
