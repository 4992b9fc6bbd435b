import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.template import (
    TOKEN,
    Cut,
    InsertionPoint,
    Malformed,
    Quoting,
    Slot,
    Spliced,
    Template,
    quote,
)

HLS = Template.of(b"#EXTM3U\nseg.ts\n", [Cut(8, 14, Slot("seg.ts", Quoting.LINE, raw=b"seg.ts"))])
XML = Template.of(b'<a m="x"/>', [Cut(6, 7, Slot("x", Quoting.XML_ATTRIBUTE, raw=b"x"))])


def test_a_template_cuts_its_source_where_it_is_told() -> None:
    slot, point = Slot("b", Quoting.LINE, raw=b"b"), InsertionPoint("p", b"c")
    assert Template.of(b"abcd", [Cut(2, 3, point), Cut(1, 2, slot)]).pieces == (b"a", slot, point, b"d")


def test_an_error_says_no_more_than_is_fit_for_a_log() -> None:
    error = Malformed("reason", "a\n\x1b" + "x" * 200)
    assert str(error) == "reason: a??" + "x" * 97
    assert str(Malformed("reason")) == "reason"


def test_overlapping_cuts_are_refused() -> None:
    point = InsertionPoint("p")
    with pytest.raises(ValueError, match="overlap"):
        Template.of(b"abcd", [Cut(0, 2, point), Cut(1, 3, point)])


def test_none_keeps_the_source_and_a_uri_replaces_it() -> None:
    assert HLS.render(lambda _: None) == b"#EXTM3U\nseg.ts\n"
    assert HLS.render(lambda slot: slot.uri + "?a") == b"#EXTM3U\nseg.ts?a\n"


def test_an_insertion_point_renders_to_its_raw_bytes_unless_told_otherwise() -> None:
    template = Template((b"<", InsertionPoint("version", b"6"), b">"))
    assert template.render(lambda _: None) == b"<6>"
    assert template.render(lambda _: None, lambda point: point.name.encode()) == b"<version>"


def test_an_opaque_slot_is_never_asked_for() -> None:
    template = Template((Slot("skd://k", Quoting.QUOTED_STRING, raw=b"skd://k", is_opaque=True),))
    assert template.render(lambda _: "changed") == b"skd://k"


def test_a_reference_is_what_the_player_sees() -> None:
    assert Slot("{$a}/1", Quoting.LINE, expanded="x/1").reference == "x/1"
    assert Slot("1", Quoting.LINE).reference == "1"


def test_a_splice_lacks_only_the_token() -> None:
    spliced = HLS.splice(lambda slot: f"{slot.uri}?t={TOKEN}&u={TOKEN}#f")
    assert spliced == Spliced((b"#EXTM3U\nseg.ts?t=", b"&u=", b"#f\n"))
    assert spliced.render(b"T&x=1") == b"#EXTM3U\nseg.ts?t=T&x=1&u=T&x=1#f\n"


def test_a_splice_without_a_token_is_the_manifest() -> None:
    assert HLS.splice(lambda _: None).render(b"T") == b"#EXTM3U\nseg.ts\n"


def test_an_xml_splice_escapes_the_token_too() -> None:
    assert XML.splice(lambda slot: f"{slot.uri}?{TOKEN}&b").render(b"a&b") == b'<a m="x?a&amp;b&amp;b"/>'


@pytest.mark.parametrize("token", [b'"', b"'", b"<", b"$", b"\n", b"\r", b" ", b"\x00", b"#", b"{", b"\\", b"\xff"])
def test_a_token_that_could_leave_its_place_is_refused(token: bytes) -> None:
    with pytest.raises(ValueError, match="URI characters"):
        Spliced((b"", b"")).render(b"a" + token)


def test_a_token_mark_has_no_place_in_a_whole_rendering() -> None:
    with pytest.raises(Malformed, match="uri_unwritable"):
        HLS.render(lambda _: TOKEN)


@pytest.mark.parametrize(
    ("uri", "quoting"),
    [
        ("", Quoting.LINE),
        ("#EXT-X-ENDLIST", Quoting.LINE),
        (" a", Quoting.LINE),
        ("a\t", Quoting.LINE),
        ("a\nb", Quoting.LINE),
        ("a\rb", Quoting.LINE),
        ('a"b', Quoting.QUOTED_STRING),
        ("a\nb", Quoting.QUOTED_STRING),
        ("a\x01b", Quoting.XML_ATTRIBUTE),
        ("a\x7fb", Quoting.XML_TEXT),
        ("a\uffff", Quoting.XML_TEXT),
        ("a\ud800", Quoting.XML_TEXT),
        ("a\udfff", Quoting.LINE),
    ],
)
def test_what_cannot_be_written_is_refused(uri: str, quoting: Quoting) -> None:
    with pytest.raises(Malformed) as caught:
        quote(uri, quoting)
    assert caught.value.reason == "uri_unwritable"


URIS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))


@given(URIS)
def test_any_uri_comes_back_from_xml(uri: str) -> None:
    (text,), (attribute,) = quote(uri, Quoting.XML_TEXT), quote(uri, Quoting.XML_ATTRIBUTE)
    for delimiter in (b'"', b"'"):
        parsed = ElementTree.fromstring(b"<a b=" + delimiter + attribute + delimiter + b">" + text + b"</a>")
        assert (parsed.text or "", parsed.get("b")) == (uri, uri)


@given(URIS)
def test_an_hls_uri_is_written_as_it_is_or_not_at_all(uri: str) -> None:
    for quoting, is_writable in (
        (Quoting.QUOTED_STRING, '"' not in uri),
        (Quoting.LINE, bool(uri) and uri == uri.strip() and uri[0] != "#"),
    ):
        if is_writable:
            assert quote(uri, quoting) == [uri.encode()]
        else:
            with pytest.raises(Malformed):
                quote(uri, quoting)


@given(st.lists(URIS, min_size=1, max_size=4), st.from_regex(rb"[A-Za-z0-9._~=&-]*", fullmatch=True))
def test_splicing_and_rendering_agree(uris: list[str], token: bytes) -> None:
    template = Template(tuple(Slot(uri, Quoting.XML_TEXT) for uri in uris))
    spliced = template.splice(lambda slot: slot.uri + TOKEN).render(token)
    assert spliced == template.render(lambda slot: slot.uri + token.decode())
    assert re.fullmatch(rb"[^<>]*", spliced)
