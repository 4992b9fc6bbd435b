"""XML read strictly, with the byte offset of everything that may be rewritten.

Expat judges well-formedness and resolves references; the offsets of attribute values, which it does not
report, are found again in start tags that it has accepted. A document type declaration ends the reading
before any entity could be declared, so nothing in a document can expand to more than it weighs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from origin.manifests.template import Malformed

MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 250_000
MAX_ATTRIBUTES = 64
MAX_NAME_CHARACTERS = 512  # namespace and all
MAX_VALUE_CHARACTERS = 32_768

_BLANKS = " \t\r\n"
_BLANK_RUN = re.compile(f"[{_BLANKS}]+")
_TAG_NAME = re.compile(rb"<[^ \t\r\n/>]++")
_ATTRIBUTE = re.compile(rb"""[ \t\r\n]++([^ \t\r\n=/>]++)[ \t\r\n]*+=[ \t\r\n]*+(?:"([^"]*+)"|'([^']*+)')""")
_TAG_END = re.compile(rb"[ \t\r\n]*+(/?)>")


@dataclass(frozen=True, slots=True)
class Value:
    """An attribute value or text content that is a URI reference or a list of them, and where it stands.

    `text` has references resolved and blanks collapsed, as xs:anyURI wants it; `start` and `end` are the byte
    offsets of its source without the blanks around it.
    """

    text: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Element:
    """An element of the document, filled while it is read and only read from then on."""

    namespace: str
    name: str
    attributes: dict[str, Value]  # by local name, or "{namespace}name" where it has one
    start: int  # of "<"
    body: int  # behind the start tag
    is_empty_tag: bool  # "<x/>"
    close: int = 0  # of "</"
    end: int = 0  # behind the end tag
    children: list[Element] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)  # of text, in order, nothing of the children's

    def value(self, name: str) -> str | None:
        """An attribute's text."""
        found = self.attributes.get(name)
        return None if found is None else found.text


def content(element: Element, data: bytes) -> Value:
    """The element's text content as one value."""
    start, end = _trimmed(data, element.body, element.close)
    return Value(_collapsed("".join(element.fragments)), start, end)


def read(data: bytes, ignored: frozenset[str]) -> Element:
    """The root of the document. Elements named in `ignored` are checked, but left out with all they hold.

    Raises Malformed: "too_large", "not_utf8", "doctype", "processing_instruction", "xml_invalid".
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise Malformed("too_large", "bytes")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not_utf8", f"byte {error.start}") from None
    return _Reader(data, ignored).read()


def _collapsed(text: str) -> str:
    """`text` with XML's white space collapsed; other kinds of space are part of the value."""
    return _BLANK_RUN.sub(" ", text).strip(" ")


class _Reader:
    """Expat's callbacks. `_open` holds the elements that are open; None stands for one that is left out."""

    def __init__(self, data: bytes, ignored: frozenset[str]) -> None:
        self._data = data
        self._ignored = ignored
        self._open: list[Element | None] = []
        self._root: Element | None = None
        self._count = 0
        self._parser = parser = expat.ParserCreate("utf-8", " ")
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def read(self) -> Element:
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise Malformed("xml_invalid", f"line {error.lineno}") from None
        if self._root is None:
            raise Malformed("xml_invalid")
        return self._root

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise Malformed("not_utf8", "encoding declaration")

    def _doctype(self, *_: object) -> None:
        raise Malformed("doctype")

    def _instruction(self, *_: object) -> None:
        if self._open:  # a stylesheet before the root harms nobody; inside, it could hide in a value
            raise Malformed("processing_instruction")

    def _start(self, expanded_name: str, attributes: list[str]) -> None:
        self._count += 1
        if (
            self._count > MAX_ELEMENTS
            or len(self._open) >= MAX_DEPTH
            or len(attributes) > 2 * MAX_ATTRIBUTES
            or len(expanded_name) > MAX_NAME_CHARACTERS
        ):
            raise Malformed("too_large", f"line {self._parser.CurrentLineNumber}")
        namespace, _, name = expanded_name.rpartition(" ")
        parent = self._open[-1] if self._open else None
        if self._open and (parent is None or name in self._ignored):
            self._open.append(None)
            return
        element = self._element(namespace, name, attributes)
        self._open.append(element)
        if parent is None:
            self._root = element
        else:
            parent.children.append(element)

    def _element(self, namespace: str, name: str, attributes: list[str]) -> Element:
        start = self._parser.CurrentByteIndex
        places, body, is_empty_tag = self._tag(start)
        names, values = attributes[::2], attributes[1::2]
        if max(map(len, values), default=0) > MAX_VALUE_CHARACTERS:
            raise Malformed("too_large", f"line {self._parser.CurrentLineNumber}")
        found = {
            _qualified(attribute): Value(_collapsed(value), *place)
            for attribute, value, place in zip(names, values, places, strict=True)
        }
        return Element(namespace, name, found, start, body, is_empty_tag)

    def _tag(self, start: int) -> tuple[list[tuple[int, int]], int, bool]:
        """The places of a start tag's attribute values in order, where it ends, and whether it is empty."""
        places: list[tuple[int, int]] = []
        position = _end_of(_TAG_NAME.match(self._data, start))
        while found := _ATTRIBUTE.match(self._data, position):
            position = found.end()
            if found.group(1) != b"xmlns" and not found.group(1).startswith(b"xmlns:"):
                places.append(_trimmed(self._data, *found.span(2 if found.group(3) is None else 3)))
        end = _TAG_END.match(self._data, position)
        return places, _end_of(end), end is not None and end.group(1) == b"/"

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if element is None:
            return
        if element.is_empty_tag:
            element.close = element.end = element.body
        else:
            element.close = self._parser.CurrentByteIndex
            element.end = self._data.index(b">", element.close) + 1

    def _text(self, text: str) -> None:
        element = self._open[-1]
        if element is not None:
            element.fragments.append(text)


def _end_of(found: re.Match[bytes] | None) -> int:
    if found is None:
        raise Malformed("xml_invalid", "tag")
    return found.end()


def _trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The same place without the blanks around what stands there; where that is nothing, its beginning."""
    source = data[start:end]
    value = source.strip(_BLANKS.encode())
    start += source.find(value)
    return start, start + len(value)


def _qualified(expanded_name: str) -> str:
    namespace, _, name = expanded_name.rpartition(" ")
    return f"{{{namespace}}}{name}" if namespace else name


def walk(element: Element) -> Iterator[Element]:
    """The element and everything below it, in document order."""
    yield element
    for child in element.children:
        yield from walk(child)
