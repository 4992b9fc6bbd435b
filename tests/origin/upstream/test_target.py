"""A target is a place below the upstream, whatever is written into it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from origin.upstream.origin_server import Trouble, UpstreamError
from origin.upstream.target import MAX_TARGET_BYTES, check_target
from tests.contracts.origin_server import NO_TARGETS


def refused(target: str) -> bool:
    """Whether it is refused, for the one reason that there is."""
    try:
        check_target(target)
    except UpstreamError as error:
        return error.trouble is Trouble.BAD_TARGET
    return False


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a",
        "/a/",
        "/a//b",
        "/a%20b/x.m3u8?v=2",
        "/%C3%BC",
        "/a%2Fb",
        "/...",
        "/..a/b..",
        "/a;b=c,d:e@f!$&'()*+",
        "/a|b{c}[d]^`<\"'>",
        "/a??b=/../x",
        "/a?x=100%&y=//h",
        "/a?",
        "/http://other.example/a",
        "/" + "x" * (MAX_TARGET_BYTES - 1),
    ],
)
def test_places_below(target: str) -> None:
    assert not refused(target)


@pytest.mark.parametrize("target", [*NO_TARGETS, "/" + "x" * MAX_TARGET_BYTES, "/a?b\\c", "/a?\x7f"], ids=ascii)
def test_anything_else(target: str) -> None:
    assert refused(target)


@given(st.text() | st.text("/.%2eEfF5cC\\?#@:a \r\n\0").map("/".__add__))
@example("/%2e%2E%2fa")
@example("/a%5C..%5Cb")
def test_what_is_let_through_stays_below(target: str) -> None:
    if refused(target):
        return
    url = urlsplit(f"http://origin.example/base{target}")
    assert (url.netloc, url.fragment) == ("origin.example", "")
    assert url.path.startswith("/base/")
    assert target.isascii()
    assert target.isprintable()
    segments = unquote(url.path, errors="replace").replace("\\", "/").split("/")
    assert not {".", ".."} & set(segments)
    assert all(letter >= " " for letter in unquote(url.path, errors="replace"))


@given(st.lists(st.text("abc.%~-_", min_size=1), min_size=1))
def test_an_encoded_path_of_plain_names_is_let_through(names: list[str]) -> None:
    path = "/" + "/".join(name.replace("%", "%25") for name in names)
    assert refused(path) is bool({".", ".."} & set(names))
