from __future__ import annotations

import json
from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.conditions import UNCONDITIONAL, Conditions
from origin.http.dates import format_http_date
from origin.http.etags import EntityTag
from origin.http.reply import Bytes, Empty, FileSlice, Header, Reply, Slices
from origin.http.represent import Representation, represent
from tests.origin.http.wire import Buffer, body_bytes

DATA = bytes(range(256)) * 4
LENGTH = len(DATA)
MODIFIED = 1_700_000_000.25
NOW = 1_700_003_600.0
LAST_MODIFIED = format_http_date(MODIFIED)
LATER = format_http_date(MODIFIED + 60)
EARLIER = format_http_date(MODIFIED - 60)
BOUNDARY = "5f1d"
MANY = {"range": "bytes=0-1,-1"}
CORS: tuple[Header, ...] = (("Access-Control-Allow-Origin", "*"),)
CACHING: tuple[Header, ...] = (
    ("Cache-Control", "max-age=60"),
    ("CDN-Cache-Control", "max-age=600"),
    ("Expires", LATER),
    ("Content-Location", "/vod/1.m4s"),
)
EXTRA = (*CACHING, ("Vary", "Accept-Encoding"), ("Content-Encoding", "gzip"), *CORS)


def shown(source: Buffer | bytes | None = None, headers: tuple[Header, ...] = EXTRA) -> Representation:
    source = Buffer(DATA) if source is None else source
    return Representation(source, "video/mp4", EntityTag("v2"), MODIFIED, headers)


def ask(method: str = "GET", /, **fields: str) -> Reply:
    return ask_of(shown(), method, **fields)


def ask_of(representation: Representation, method: str = "GET", /, **fields: str) -> Reply:
    return represent(method, Conditions(**fields), representation, NOW, BOUNDARY)


def field(reply: Reply, name: str) -> str | None:
    values = [value for key, value in reply.headers if key.lower() == name.lower()]
    assert len(values) < 2, f"{name} twice"
    return values[0] if values else None


def parts_of(reply: Reply) -> list[Message]:
    content_type = field(reply, "Content-Type")
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body_bytes(reply.body))
    assert not message.defects
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


@pytest.mark.parametrize(
    ("method", "fields", "status", "content_range"),
    [
        ("GET", {}, 200, None),
        ("HEAD", {}, 200, None),
        ("GET", {"range": "bytes=0-9"}, 206, "bytes 0-9/1024"),
        ("GET", {"range": "bytes=-1"}, 206, "bytes 1023-1023/1024"),
        ("GET", {"range": "bytes=0-"}, 206, "bytes 0-1023/1024"),
        ("GET", {"range": "bytes=0-9,5-19"}, 206, "bytes 0-19/1024"),
        ("GET", {"range": "bytes=5000-"}, 416, "bytes */1024"),
        # what the usual static file handler gets wrong
        ("GET", {"range": "items=0-1"}, 200, None),
        ("GET", {"range": "bytes=0-9", "if_range": '"other"'}, 200, None),
        ("GET", {"range": "bytes=0-9", "if_range": "garbage"}, 200, None),
        ("GET", {"range": "bytes=0-9", "if_range": LATER}, 200, None),
        ("HEAD", {"range": "bytes=0-9"}, 200, None),
        ("GET", {"range": "bytes=-0"}, 416, "bytes */1024"),
        ("GET", {"range": "bytes=0-1,4-5"}, 206, None),  # multipart: Content-Range stands in the parts
        ("GET", {"range": "bytes=abc"}, 200, None),
        ("GET", {"range": "bytes=5-2"}, 200, None),
        ("GET", {"range": "bytes = 0-9"}, 200, None),
        # If-Range (RFC 9110 §13.1.5)
        ("GET", {"range": "bytes=0-9", "if_range": '"v2"'}, 206, "bytes 0-9/1024"),
        ("GET", {"range": "bytes=0-9", "if_range": LAST_MODIFIED}, 206, "bytes 0-9/1024"),
        ("GET", {"range": "bytes=0-9", "if_range": EARLIER}, 200, None),
        ("GET", {"range": "bytes=0-9", "if_range": 'W/"v2"'}, 200, None),
        ("GET", {"range": "bytes=5000-", "if_range": '"other"'}, 200, None),
        ("GET", {"range": "bytes=5000-", "if_range": '"v2"'}, 416, "bytes */1024"),
        ("GET", {"if_range": '"other"'}, 200, None),
        # preconditions come before Range (§13.2.2)
        ("GET", {"if_none_match": '"v2"'}, 304, None),
        ("HEAD", {"if_none_match": 'W/"v2"'}, 304, None),
        ("GET", {"if_modified_since": LAST_MODIFIED}, 304, None),
        ("HEAD", {"if_modified_since": LATER}, 304, None),
        ("GET", {"if_modified_since": EARLIER}, 200, None),
        ("GET", {"if_none_match": '"v1"', "if_modified_since": LATER}, 200, None),
        ("GET", {"if_none_match": '"v2"', "range": "bytes=0-9"}, 304, None),
        ("GET", {"if_none_match": '"v2"', "range": "bytes=5000-"}, 304, None),
        ("GET", {"if_none_match": '"v1"', "range": "bytes=0-9"}, 206, "bytes 0-9/1024"),
        ("GET", {"if_match": '"v1"'}, 412, None),
        ("HEAD", {"if_match": '"v1"'}, 412, None),
        ("GET", {"if_match": '"v1"', "range": "bytes=0-9"}, 412, None),
        ("GET", {"if_match": '"v2"', "range": "bytes=0-9"}, 206, "bytes 0-9/1024"),
        ("GET", {"if_unmodified_since": EARLIER}, 412, None),
        ("GET", {"if_unmodified_since": LAST_MODIFIED, "range": "bytes=0-9"}, 206, "bytes 0-9/1024"),
    ],
)
@pytest.mark.parametrize("source", [Buffer(DATA), DATA], ids=["content", "bytes"])
def test_status(
    source: Buffer | bytes, method: str, fields: dict[str, str], status: int, content_range: str | None
) -> None:
    reply = ask_of(shown(source), method, **fields)
    assert reply.status == status
    assert field(reply, "Content-Range") == content_range
    assert all(field(reply, name) == value for name, value in CORS)
    if method == "HEAD":
        assert isinstance(reply.body, Empty)
    if reply.status == 200 and method == "GET":
        assert body_bytes(reply.body) == DATA


def test_the_head_of_a_whole_answer() -> None:
    assert ask().headers == (
        ("Content-Type", "video/mp4"),
        ("Accept-Ranges", "bytes"),
        ("ETag", '"v2"'),
        ("Last-Modified", LAST_MODIFIED),
        *EXTRA,
    )


def test_head_announces_what_get_would_send() -> None:
    reply = ask("HEAD")
    assert reply.headers == ask("GET").headers
    assert reply.body == Empty(LENGTH)


def test_a_part_has_the_head_of_the_whole() -> None:
    reply = ask(range="bytes=10-19")
    assert set(reply.headers) == {*ask().headers, ("Content-Range", "bytes 10-19/1024")}
    assert body_bytes(reply.body) == DATA[10:20]


def test_several_parts_are_a_multipart_message() -> None:
    reply = ask(range="bytes=0-1,4-5")
    assert field(reply, "Content-Type") == "multipart/byteranges; boundary=5f1d"
    assert field(reply, "ETag") == '"v2"'
    assert [(part["Content-Type"], part["Content-Range"]) for part in parts_of(reply)] == [
        ("video/mp4", "bytes 0-1/1024"),
        ("video/mp4", "bytes 4-5/1024"),
    ]


def test_not_modified_repeats_what_a_cache_needs_and_nothing_else() -> None:
    reply = ask(if_none_match='"v2"')
    assert reply.headers == (("ETag", '"v2"'), *CACHING, ("Vary", "Accept-Encoding"), *CORS)
    assert reply.body == Empty(None)


def test_not_modified_without_a_tag_repeats_the_date() -> None:
    dated = Representation(Buffer(DATA), "video/mp4", None, MODIFIED)
    reply = ask_of(dated, if_modified_since=LATER)
    assert (reply.status, reply.headers) == (304, (("Last-Modified", LAST_MODIFIED),))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"if_match": '"v1"'}, "precondition_failed"), ({"range": "bytes=5000-"}, "range_not_satisfiable")],
)
def test_refusals_are_problems_that_no_cache_keeps(fields: dict[str, str], reason: str) -> None:
    reply = ask(**fields)
    document = json.loads(body_bytes(reply.body))
    assert (document["status"], document["reason"]) == (reply.status, reason)
    assert field(reply, "Content-Type") == "application/problem+json"
    assert field(reply, "Cache-Control") == "no-store"
    assert field(reply, "Vary") == "Accept-Encoding"
    stale_facts = (
        "CDN-Cache-Control",
        "Expires",
        "ETag",
        "Last-Modified",
        "Content-Encoding",
        "Accept-Ranges",
    )
    assert all(field(reply, name) is None for name in stale_facts)


def test_a_refused_head_announces_the_length_of_the_problem() -> None:
    assert ask("HEAD", if_match='"v1"').body == Empty(len(body_bytes(ask(if_match='"v1"').body)))


def test_vary_of_several_origins_is_one_field() -> None:
    headers = (("Vary", "Accept-Encoding"), ("Vary", "Origin"))
    for fields in ({}, {"range": "bytes=0-1"}, {"range": "bytes=0-1,9-10"}, {"if_none_match": "*"}):
        assert field(ask_of(shown(headers=headers), **fields), "Vary") == "Accept-Encoding, Origin"


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("HEAD", {}),
        ("GET", {"if_none_match": "*"}),
        ("GET", {"if_match": '"v1"'}),
        ("GET", {"range": "bytes=5000-"}),
    ],
)
def test_a_reply_without_the_object_leaves_it_to_the_caller(method: str, fields: dict[str, str]) -> None:
    assert ask(method, **fields).content is None


@pytest.mark.parametrize("fields", [{}, {"range": "bytes=0-1"}, {"range": "bytes=0-1,9-10"}])
def test_a_reply_with_the_object_owns_it(fields: dict[str, str]) -> None:
    content = Buffer(DATA)
    assert ask_of(shown(content), **fields).content is content
    assert content.released == 0


def test_an_empty_object() -> None:
    empty = shown(Buffer(b""))
    whole = ask_of(empty)
    assert (whole.status, whole.body, whole.content) == (200, Empty(0), None)
    assert ask_of(empty, range="bytes=-5").status == 200
    assert field(ask_of(empty, range="bytes=0-"), "Content-Range") == "bytes */0"


def test_bytes_in_memory_are_sent_without_an_object() -> None:
    whole, part, parts = (ask_of(shown(DATA), **fields) for fields in ({}, {"range": "bytes=1-2"}, MANY))
    assert whole.body == Bytes(DATA)
    assert part.body == Bytes(DATA[1:3])
    assert body_bytes(parts.body) == body_bytes(ask(**MANY).body)


def test_bodies_read_from_the_object() -> None:
    assert isinstance(ask().body, FileSlice)
    assert isinstance(ask(**MANY).body, Slices)


@pytest.mark.parametrize("ahead", [0.0, 0.5, 1.0, 86_400.0])
def test_last_modified_is_never_later_than_now(ahead: float) -> None:
    fresh = Representation(Buffer(DATA), "video/mp4", None, NOW + ahead)
    reply = represent("GET", UNCONDITIONAL, fresh, NOW, BOUNDARY)
    assert field(reply, "Last-Modified") == format_http_date(NOW)
    # and such a date is too young to resume by
    resumed = Conditions(if_range=format_http_date(NOW), range="bytes=0-1")
    assert represent("GET", resumed, fresh, NOW + 0.5, BOUNDARY).status == 200


def test_a_representation_without_validators() -> None:
    bare = Representation(DATA, "video/mp4")
    assert ask_of(bare).headers == (("Content-Type", "video/mp4"), ("Accept-Ranges", "bytes"))
    assert ask_of(bare, if_none_match='"v2"', if_modified_since=LATER).status == 200


numbers = st.integers(0, 80)
specs = st.one_of(
    st.builds("{}-{}".format, numbers, numbers),
    st.builds("{}-".format, numbers),
    st.builds("-{}".format, numbers),
)


@given(st.binary(max_size=64), st.lists(specs, min_size=1, max_size=5).map(",".join), st.booleans())
def test_whatever_range_is_asked_the_bytes_are_the_objects_own(data: bytes, ranges: str, in_memory: bool) -> None:
    reply = ask_of(shown(data if in_memory else Buffer(data)), range=f"bytes={ranges}")
    if reply.status == 416:
        assert field(reply, "Content-Range") == f"bytes */{len(data)}"
    elif reply.status == 200:
        assert body_bytes(reply.body) == data
    elif (place := field(reply, "Content-Range")) is not None:
        assert body_bytes(reply.body) == placed(place, data)
    else:
        parts = parts_of(reply)
        assert len(parts) > 1
        for part in parts:
            assert part.get_payload(decode=True) == placed(part["Content-Range"], data)


def placed(content_range: str, data: bytes) -> bytes:
    """The bytes that a Content-Range field speaks of, by reading it as a client would."""
    unit, _, rest = content_range.partition(" ")
    ends, _, length = rest.partition("/")
    first, _, last = ends.partition("-")
    assert (unit, int(length)) == ("bytes", len(data))
    assert 0 <= int(first) <= int(last) < len(data)
    return data[int(first) : int(last) + 1]


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_field_makes_it_raise(tags: str, date: str, ranges: str) -> None:
    conditions = Conditions(None, tags, date, date, tags, f"bytes={ranges}")
    for method in ("GET", "HEAD"):
        assert represent(method, conditions, shown(), NOW, BOUNDARY).status in {200, 206, 304, 412, 416}
