from __future__ import annotations

import pytest

from origin.httpcache.invalidation import invalidated, invalidated_groups

HERE = "https://origin.example/a/b?q=1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"])
def test_an_unsafe_method_invalidates_the_target(method: str) -> None:
    assert invalidated(method, HERE, 200, ()) == ("/a/b?q=1",)
    assert invalidated(method, "/a/b?q=1", 303, ()) == ("/a/b?q=1",)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_does_not(method: str) -> None:
    assert invalidated(method, HERE, 200, (("Location", "/c"),)) == ()
    assert invalidated_groups(method, 200, (("Cache-Group-Invalidation", '"a"'),)) == ()


@pytest.mark.parametrize("status", [199, 400, 404, 500, 503])
def test_an_error_does_not(status: int) -> None:
    assert invalidated("POST", HERE, status, (("Location", "/c"),)) == ()
    assert invalidated_groups("POST", status, (("Cache-Group-Invalidation", '"a"'),)) == ()


def test_what_the_response_names_on_the_same_origin_is_invalidated_too() -> None:
    fields = (("Location", "https://origin.example/c"), ("content-location", "d?x=1"))
    assert invalidated("PUT", HERE, 201, fields) == ("/a/b?q=1", "/c", "/a/d?x=1")
    assert invalidated("PUT", HERE, 201, (("Location", HERE), ("Content-Location", ""))) == ("/a/b?q=1",)


def test_another_origin_cannot_be_invalidated() -> None:
    fields = (("Location", "https://other.example/c"), ("Content-Location", "//other.example/d"))
    assert invalidated("PUT", HERE, 201, fields) == ("/a/b?q=1",)
    assert invalidated("PUT", "https://[::1", 201, ()) == ()


def test_groups() -> None:
    assert invalidated_groups("POST", 200, (("Cache-Group-Invalidation", '"a", "b";x'),)) == ("a", "b")
    assert invalidated_groups("POST", 200, (("Cache-Group-Invalidation", "a"),)) == ()
    assert invalidated_groups("POST", 200, ()) == ()
