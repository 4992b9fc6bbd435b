"""A request does not show what may carry a token."""

from __future__ import annotations

from auth.request import Request


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
    request = Request("GET", "https", "h", "/a", "b", (("c", "d"),), (("e", "f"),))
    assert request.at("/x", "y") == Request("GET", "https", "h", "/x", "y", (("c", "d"),), (("e", "f"),))
