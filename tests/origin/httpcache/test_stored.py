from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.etags import EntityTag
from origin.httpcache.stored import PACKED_VERSION, StoredResponse, pack, unpack
from tests.origin.httpcache.exchanges import NOW, date

text = st.text(st.characters(categories=None), max_size=20)  # lone surrogates, too: a value may be no UTF-8
finite = st.floats(allow_nan=False, allow_infinity=False)
responses = st.builds(
    StoredResponse,
    status=st.integers(200, 999),
    fields=st.lists(st.tuples(text, text)).map(tuple),
    requested_at=finite,
    received_at=finite,
    vary=st.lists(st.tuples(text, st.none() | text)).map(tuple),
    tags=st.lists(text).map(tuple),
)


@given(responses)
def test_there_and_back(stored: StoredResponse) -> None:
    assert unpack(pack(stored)) == stored


@given(st.binary())
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no stored response"):
        unpack(data)


@given(responses, st.data())
def test_corrupt_bytes_are_refused_or_well_formed(stored: StoredResponse, data: st.DataObject) -> None:
    packed = pack(stored)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ValueError):
        unpack(packed[:cut])
    with pytest.raises(ValueError):
        unpack(packed + b"\x00")
    spoiled = bytearray(packed)
    spoiled[cut] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):  # it may also be another response: that the bytes are the same is for a digest to say
        unpack(bytes(spoiled))


def test_another_version_is_refused() -> None:
    packed = bytearray(pack(StoredResponse(200, (), NOW, NOW)))
    assert packed[3] == PACKED_VERSION
    packed[3] += 1
    with pytest.raises(ValueError, match="version"):
        unpack(bytes(packed))


@pytest.mark.parametrize("value", [[99, [], 0.0, 0.0, [], []], [200, [], 0.0, float("nan"), [], []], [200], {}])
def test_what_no_response_can_be_is_refused(value: object) -> None:
    head = pack(StoredResponse(200, (), NOW, NOW))[:4]
    with pytest.raises(ValueError):
        unpack(head + msgspec.msgpack.encode(value))


@pytest.mark.parametrize(("status", "at"), [(199, NOW), (1000, NOW), (200, float("nan")), (200, float("inf"))])
def test_what_is_never_stored(status: int, at: float) -> None:
    with pytest.raises(ValueError):
        StoredResponse(status, (), NOW, at)
    with pytest.raises(ValueError):
        StoredResponse(status, (), at, NOW)


def test_facts() -> None:
    fields = (("ETag", 'W/"a"'), ("last-modified", date(-60)), ("Date", date(0)), ("Content-Length", "12"))
    stored = StoredResponse(200, fields, NOW, NOW)
    assert stored.etag == EntityTag("a", weak=True)
    assert stored.last_modified == NOW - 60
    assert stored.date == NOW
    assert stored.content_length == 12


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("ETag", "a"), ("Last-Modified", "0"), ("Date", "x"), ("Content-Length", "-1")),
        (("ETag", '"a"'), ("ETag", '"b"'), ("Content-Length", "1"), ("Content-Length", "2")),
        (("ETag", ""), ("Content-Length", "٣")),
        (("Content-Length", "9" * 5000),),
    ],
)
def test_facts_that_are_none(fields: tuple[tuple[str, str], ...]) -> None:
    stored = StoredResponse(200, fields, NOW, NOW)
    assert (stored.etag, stored.last_modified, stored.date, stored.content_length) == (None, None, None, None)
