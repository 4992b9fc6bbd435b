import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.markup import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_ELEMENTS,
    MAX_VALUE_CHARACTERS,
    Element,
    content,
    read,
    walk,
)
from origin.manifests.template import Malformed


def parse(data: bytes | str, *ignored: str) -> Element:
    return read(data.encode() if isinstance(data, str) else data, frozenset(ignored))


def test_names_are_told_by_namespace() -> None:
    root = parse('<p:a xmlns:p="urn:p" xmlns="urn:q" x="1" p:x="2"><b xmlns="" xml:lang="en"/><c/></p:a>')
    assert (root.namespace, root.name) == ("urn:p", "a")
    assert [(one.namespace, one.name) for one in root.children] == [("", "b"), ("urn:q", "c")]
    assert {name: one.text for name, one in root.attributes.items()} == {"x": "1", "{urn:p}x": "2"}
    assert root.value("x") == "1"
    assert root.value("y") is None


def test_offsets_are_those_of_the_source() -> None:
    data = "\ufeff<a é = ' &#x41;>&quot;\r\n'\n><!-- <b> -->\t<b x=\"/>\"/ ></a >".replace("/ >", "/>").encode()
    root = parse(data)
    value = root.attributes["é"]
    assert (value.text, data[value.start : value.end]) == ('A>"', b"&#x41;>&quot;")
    (child,) = root.children
    assert data[child.start : child.end] == b'<b x="/>"/>'
    assert (child.is_empty_tag, child.body, child.close) == (True, child.end, child.end)
    assert data[root.close : root.end] == b"</a >"


def test_content_is_collapsed_and_knows_its_source() -> None:
    data = b"<a>\r\n <![CDATA[x&y]]>&amp;\t z<!-- c -->!\n</a>"
    value = content(parse(data), data)
    assert value.text == "x&y& z!"
    assert data[value.start : value.end] == b"<![CDATA[x&y]]>&amp;\t z<!-- c -->!"


@pytest.mark.parametrize("text", ["<a></a>", "<a> \n</a>", "<a/>"])
def test_empty_content_is_a_place_behind_the_start_tag(text: str) -> None:
    root = parse(text)
    value = content(root, text.encode())
    assert (value.text, value.start, value.end) == ("", root.body, root.body)


def test_ignored_elements_vanish_with_all_they_hold() -> None:
    root = parse("<a><b><c/>text</b><d/></a>", "b")
    assert [one.name for one in walk(root)] == ["a", "d"]
    assert root.fragments == []


def test_a_stylesheet_before_the_root_is_allowed() -> None:
    assert parse('<?xml version="1.0"?><?xml-stylesheet href="x"?><a/><?after x?>').name == "a"


LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{i} "{f"&lol{i - 1};" * 10}">' for i in range(1, 10)).replace("&lol0;", "&lol;")
    + "]><a>&lol9;</a>"
)
MALFORMED = {
    "billion laughs": (LAUGHS, "doctype"),
    "external entity": ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "doctype"),
    "external subset": ('<!DOCTYPE a SYSTEM "http://evil.example/x.dtd"><a/>', "doctype"),
    "attribute default": ('<!DOCTYPE a [<!ATTLIST a x CDATA "y">]><a/>', "doctype"),
    "undeclared entity": ("<a>&x;</a>", "xml_invalid"),
    "instruction": ("<a>x<?php y?></a>", "processing_instruction"),
    "Latin-1": (b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', "not_utf8"),
    "Latin-1 bytes": (b"<a>\xe9</a>", "not_utf8"),
    "UTF-16": ("<a/>".encode("utf-16"), "not_utf8"),
    "UTF-7": (b'<?xml version="1.0" encoding="utf-7"?><a/>', "not_utf8"),
    "nothing": (b"", "xml_invalid"),
    "text": (b"#EXTM3U\n", "xml_invalid"),
    "two roots": ("<a/><b/>", "xml_invalid"),
    "unclosed": ("<a><b></a>", "xml_invalid"),
    "truncated": ('<a b="c', "xml_invalid"),
    "duplicate attribute": ('<a b="1" b="2"/>', "xml_invalid"),
    "duplicate expanded name": ('<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>', "xml_invalid"),
    "unbound prefix": ("<p:a/>", "xml_invalid"),
    "namespace with a blank": ('<a xmlns="u v"/>', "xml_invalid"),
    "NUL": (b"<a>\x00</a>", "xml_invalid"),
    "control character": ("<a>&#1;</a>", "xml_invalid"),
    "deep": ("<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1), "too_large"),
    "very deep": ("<a>" * 1_000_000, "too_large"),
    "deep in what is ignored": ("<r>" + "<i>" * 1_000_000, "too_large"),
    "wide": ("<a>" + "<i/>" * MAX_ELEMENTS + "</a>", "too_large"),
    "many attributes": (
        "<a " + " ".join(f'x{i}="1"' for i in range(MAX_ATTRIBUTES + 1)) + "/>",
        "too_large",
    ),
    "long name": (f"<{'a' * 1000}/>", "too_large"),
    "long attribute": (f'<a x="{"y" * (MAX_VALUE_CHARACTERS + 1)}"/>', "too_large"),
    "10 MB": (b"<a>" + b"x" * 10_000_000, "too_large"),
    "10 MB of blanks": (b"<a " + b" " * 10_000_000, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_refused(data: bytes | str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(data, "i")
    assert caught.value.reason == reason


def test_blanks_cost_no_more_than_they_weigh() -> None:
    size = MAX_DOCUMENT_BYTES - 100
    assert parse(b"<a" + b" \n" * (size // 2) + b"/>").name == "a"
    assert parse(b'<a b ="' + b" " * MAX_VALUE_CHARACTERS + b'"/>').value("b") == ""


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters='<&"\ufffe\uffff'), max_size=9)
BLANK = st.sampled_from(["", " ", "\t", "\r\n"])


@given(st.lists(st.tuples(TEXT, BLANK), max_size=6), st.sampled_from("'\""))
def test_every_attribute_value_is_found_again(values: list[tuple[str, str]], delimiter: str) -> None:
    usable = [(value, blank) for value, blank in values if delimiter not in value]
    tag = "".join(
        f' xmlns:n{i}{blank}="urn:{i}"{blank} n{i}:x{blank}={blank}{delimiter}{blank}{value}{delimiter}'
        for i, (value, blank) in enumerate(usable)
    )
    data = f"<a{tag}/>".encode()
    found = list(parse(data).attributes.values())
    sources = [data[one.start : one.end].decode() for one in found]
    assert sources == [value.strip(" ") for value, _ in usable]
    assert [one.text for one in found] == [re.sub(" +", " ", source) for source in sources]


@given(st.binary(max_size=60) | st.text(alphabet="<>/a b=\"'&;!-[]?x", max_size=60))
def test_anything_is_read_or_refused(data: bytes | str) -> None:
    with suppress(Malformed):
        parse(data)


def test_text_behind_an_empty_tag_is_not_taken_for_its_attributes() -> None:
    root = read(b"<MPD><AdaptationSet />mimeType='video/mp4'\n</MPD>", frozenset())
    assert root.children[0].attributes == {}
