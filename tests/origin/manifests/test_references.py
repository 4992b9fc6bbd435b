import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.references import (
    Foreign,
    NotHttp,
    OwnPath,
    Place,
    Reference,
    Uri,
    is_opaque,
    parse_reference,
    resolve,
    with_query,
)
from origin.manifests.template import Malformed

# RFC 3986 §5.4.1 and §5.4.2 (strict).
EXAMPLES = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
    "http:g": "http:g",
}


@pytest.mark.parametrize(("reference", "target"), EXAMPLES.items())
def test_the_examples_of_rfc_3986(reference: str, target: str) -> None:
    base = Uri.parse("http://a/b/c/d;p?q")
    assert str(base.join(Uri.parse(reference))) == target


@given(st.text())
def test_every_text_is_a_reference_and_is_written_as_it_was(text: str) -> None:
    uri = Uri.parse(text)
    scheme, colon, rest = text.partition(":")
    assert str(uri) == (scheme.lower() + colon + rest if uri.scheme is not None else text)


PLACES: dict[str, Place] = {
    "seg.ts": OwnPath("/vod/a/seg.ts"),
    "../seg.ts?x=1#f": OwnPath("/vod/seg.ts"),
    "../../../../x": OwnPath("/x"),
    "/x/./y": OwnPath("/x/y"),
    "": OwnPath("/vod/a/index.m3u8"),
    "?x": OwnPath("/vod/a/index.m3u8"),
    "a/%2e%2E/%2e/b": OwnPath("/vod/a/b"),
    "a/b/.%2E": OwnPath("/vod/a/a/"),
    "a%2F..%2Fb": OwnPath("/vod/a/a%2F..%2Fb"),
    "./a:b.ts": OwnPath("/vod/a/a:b.ts"),
    "x/a:b.ts": OwnPath("/vod/a/x/a:b.ts"),
    "10:30.ts": OwnPath("/vod/a/10:30.ts"),
    "my seg.ts": OwnPath("/vod/a/my seg.ts"),
    "$RepresentationID$/$Number%05d$.m4s": OwnPath("/vod/a/$RepresentationID$/$Number%05d$.m4s"),
    "x/{$lang}/1.ts?t={$token}": OwnPath("/vod/a/x/{$lang}/1.ts"),
    "/.//evil.example/x": OwnPath("//evil.example/x"),
    "//cdn.example/x": Foreign("", "cdn.example", "/x"),
    "//CDN.example": Foreign("", "cdn.example", "/"),
    "HTTPS://cdn.example:8443/a/../x?y": Foreign("https", "cdn.example:8443", "/x"),
    "http://user@own.example/x": Foreign("http", "user@own.example", "/x"),
    "https://own.example.evil/x": Foreign("https", "own.example.evil", "/x"),
    "http://own.example/x": Foreign("http", "own.example", "/x"),
    "https://own.example/x": OwnPath("/x"),
    "https://OWN.example:443/x": OwnPath("/x"),
    "https://own.example:/x": OwnPath("/x"),
    "https://own.example:8443/x": Foreign("https", "own.example:8443", "/x"),
    "//own.example/x": OwnPath("/x"),
    "a:b.ts": NotHttp("a"),
    "data:text/plain,a\\b c": NotHttp("data"),
    "skd://key": NotHttp("skd"),
    "URN:mpeg:dash:resolve-to-zero:2013": NotHttp("urn"),
    "javascript:x": NotHttp("javascript"),
}


@pytest.mark.parametrize(("reference", "place"), PLACES.items())
def test_where_a_reference_points(reference: str, place: Place) -> None:
    found = resolve("/vod/a/index.m3u8", (), reference, own_origins={"https://own.example"})
    assert found == Reference((place,))
    assert found.is_own == isinstance(place, OwnPath)


@pytest.mark.parametrize(
    "reference",
    [
        "a\\b",
        "\\\\evil.example/x",
        "/\\evil.example/x",
        "https:\\\\evil.example",
        "/\t/evil.example",
        "ht\ntps://evil.example",
        "a\x00b",
        "a\x7f",
        "a\x85",
        "a\u2028b",
        " https://evil.example",
        "https://evil.example ",
        "\u00a0x",
        "http:g",
        "https:///evil.example/x",
        "///evil.example",
        "http:/x",
        "//",
    ],
)
def test_what_clients_could_read_differently_is_refused(reference: str) -> None:
    for read in (parse_reference, lambda text: resolve("/m", (), text)):
        with pytest.raises(Malformed) as caught:
            read(reference)
        assert caught.value.reason == "reference_invalid"


def test_chains_of_bases_are_followed_one_by_one() -> None:
    bases = (("live/", "v1/"), ("https://b.example/live/",), ("/x/", "../y/"), ("./live/v1/",), ("skd:k",))
    found = resolve("/m/a.mpd", bases, "s.m4s")
    assert found.places == (
        OwnPath("/m/live/v1/s.m4s"),
        Foreign("https", "b.example", "/live/s.m4s"),
        OwnPath("/y/s.m4s"),
        NotHttp("skd"),
    )
    assert found.own_paths == ("/m/live/v1/s.m4s", "/y/s.m4s")
    assert found.authorities == ("b.example",)
    assert not found.is_own


def test_a_base_without_a_path_still_separates() -> None:
    assert resolve("/m", (("https://b.example",),), "s").places == (Foreign("https", "b.example", "/s"),)


def test_a_relative_manifest_path_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="absolute"):
        resolve("m.mpd", (), "s")


@given(st.lists(st.sampled_from(["..", ".", "a", "%2e%2E", "%2E", "", "b;c"]), max_size=8))
def test_no_path_keeps_a_dot_segment(segments: list[str]) -> None:
    (place,) = resolve("/m/n/o", (), "./" + "/".join(segments)).places
    assert isinstance(place, OwnPath)
    assert place.path.startswith("/")
    assert not {".", ".."} & {part.lower().replace("%2e", ".") for part in place.path.split("/")}


@pytest.mark.parametrize(
    ("reference", "is_it"),
    [
        ("data:,", True),
        ("skd://x", True),
        ("https://x", False),
        ("HTTP://x", False),
        ("x", False),
        ("", False),
    ],
)
def test_opaque_references(reference: str, is_it: bool) -> None:
    assert is_opaque(reference) is is_it


@pytest.mark.parametrize(
    ("reference", "whole"),
    [
        ("a", "a?t=1"),
        ("a?b", "a?b&t=1"),
        ("a?", "a?t=1"),
        ("a?b&", "a?b&t=1"),
        ("a#f?x", "a?t=1#f?x"),
        ("a?b#f", "a?b&t=1#f"),
        ("", "?t=1"),
    ],
)
def test_a_query_goes_before_the_fragment(reference: str, whole: str) -> None:
    assert with_query(reference, "t=1") == whole
