"""The quick answers are those that the long way gives, and ordinary hits get one."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cache.disk.body import BodyFile
from cache.disk.held import Held
from cache.disk.rows import Piece, Row
from cache.disk.threads import Threads
from cache.extents import Run
from origin.http.caching import CACHE_NAME, CacheStatus
from origin.http.fields import combined
from origin.http.reply import Body, Bytes, Empty, FileSlice, Reply, Slices
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import Purged, Serve, decide
from origin.httpcache.stored import StoredResponse, Variant
from origin.httpcache.variants import UNSELECTABLE
from origin.shield.answering import reply_from
from origin.shield.asked import Asked
from origin.shield.ready import ReadyHits
from origin.shield.records import pack
from origin.shield.shelf import Found, Kept

LENGTH, NOW = 1000, 1_700_000_000.0
POLICY = Policy()
THREADS = Threads("test-ready", 1)  # none is started: nothing is read
NO_DESCRIPTOR = -1
WHOLE: tuple[Run, ...] = ((0, LENGTH),)
ORDINARY = (
    ("Cache-Control", "public, max-age=60"),
    ("Content-Type", "video/mp4"),
    ("ETag", '"one"'),
    ("Last-Modified", "Tue, 14 Nov 2023 20:00:00 GMT"),
    ("X-Other", "kept"),
)
OLD_DATE = ("Last-Modified", "Tuesday, 14-Nov-23 20:00:00 GMT")  # of a century that depends on when it is read
TOMORROW = ("Last-Modified", "Wed, 15 Nov 2023 00:00:00 GMT")
TWO_VARY = (("Vary", "Accept"), ("vary", "Origin"), ("X-Last", "one"))
RESPONSE_FIELDS = (
    *ORDINARY,
    ("Cache-Control", "no-cache, max-age=60"),
    ("Cache-Control", "max-age=0, stale-while-revalidate=90"),
    ("CDN-Cache-Control", "max-age=20"),
    ("Expires", "Tue, 14 Nov 2023 22:14:00 GMT"),
    ("Date", "Tue, 14 Nov 2023 22:13:00 GMT"),
    ("Age", "30"),
    ("ETag", 'W/"two"'),
    ("ETag", "bare"),
    OLD_DATE,
    ("Last-Modified", "yesterday"),
    TOMORROW,
    ("Cache-Status", "Further; hit"),
    ("Content-Range", "bytes 0-1/2"),
    ("Location", "/elsewhere"),
    *TWO_VARY,
)
REQUEST_FIELDS = (
    ("Range", "bytes=0-9"),
    ("Range", "bytes=100-"),
    ("Range", "bytes=0-9, 400-409"),
    ("range", "bytes=5000-"),
    ("If-Range", '"one"'),
    ("If-Range", '"other"'),
    ("If-None-Match", '"one"'),
    ("if-none-match", 'W/"two"'),
    ("If-Modified-Since", "Tue, 14 Nov 2023 21:00:00 GMT"),
    ("If-Match", '"other"'),
    ("Cache-Control", "no-cache"),
    ("Cache-Control", "max-age=5"),
    ("Pragma", "no-cache"),
    ("Authorization", "Basic eDp5"),
    ("Accept", "video/*"),
)


def kept(stored: StoredResponse, there: tuple[Run, ...] = WHOLE, length: int | None = LENGTH) -> Kept:
    file = BodyFile(1, NO_DESCRIPTOR, lambda _: None)
    pieces = tuple(Piece(start, stop, 0) for start, stop in there)
    held = Held(Row(1, 0, "key", pack(stored), length, (), pieces, NOW, "boot"), file, THREADS, lambda _: None)
    file.let_go()
    return Kept("key", stored, held)


def response(fields: tuple[tuple[str, str], ...] = ORDINARY, status: int = 200, vary: Variant = ()) -> StoredResponse:
    return StoredResponse(status, fields, NOW - 1, NOW, vary)


def quick(asked: Asked, found: Kept, now: float = NOW, purged: Purged = Purged.NONE) -> Reply | None:
    return ReadyHits(POLICY, lambda *_: purged).reply(asked, found, now)


def length_of(body: Body) -> int | None:
    match body:
        case FileSlice(span=span):
            return span.length
        case Bytes(data=data):
            return len(data)
        case _:
            return body.length


def is_released(found: Kept) -> bool:
    try:
        found.held.fileno()
    except ValueError:
        return True
    return False


async def nothing(_: int) -> Found:
    raise AssertionError("no byte is asked for")


def located(position: int, _stop: int | None) -> Awaitable[Found]:
    return nothing(position)


def test_an_ordinary_hit_is_answered_from_the_file() -> None:
    found = kept(response())
    reply = quick(Asked("GET", "/vod/a", "/a"), found, NOW + 7)
    assert reply is not None
    assert (reply.status, length_of(reply.body), is_released(found)) == (200, LENGTH, False)
    assert combined(reply.headers, "Age") == "8", "a second of it is the pull's"
    assert combined(reply.headers, "Cache-Status") == "Headgate; hit; ttl=52"
    assert combined(reply.headers, "X-Other") == "kept"
    assert isinstance(reply.body, FileSlice)
    reply.body.content.release()
    assert is_released(found)


@pytest.mark.parametrize(
    ("value", "status", "there"),
    [
        ("bytes=0-9", 206, True),
        ("bytes=400-409", 206, False),
        ("bytes=0-9, 20-29", 206, True),
        ("bytes=5000-", 416, True),
    ],
)
def test_a_range_is_answered_where_its_bytes_are_there(value: str, status: int, there: bool) -> None:
    found = kept(response(), ((0, 100),))
    reply = quick(Asked("GET", "/vod/a", "/a", (("Range", value),)), found)
    assert (reply is not None) is there
    if reply is None:
        assert not is_released(found), "it is still the caller's"
    else:
        assert reply.status == status
        assert isinstance(reply.body, FileSlice | Slices) is not is_released(found)


@pytest.mark.parametrize(
    ("asked", "found", "now"),
    [
        (Asked("POST", "/a", "/a"), kept(response()), NOW),
        (Asked("GET", "/a", "/a", (("authorization", "Basic eDp5"),)), kept(response()), NOW),
        (Asked("GET", "/a", "/a", (("Cache-Control", "no-cache"),)), kept(response()), NOW),
        (Asked("GET", "/a", "/a"), kept(response()), NOW + 59),  # a second old when it came
        (Asked("GET", "/a", "/a"), kept(response((*ORDINARY[:3], OLD_DATE))), NOW),
        (Asked("GET", "/a", "/a"), kept(response(status=404)), NOW),
        (Asked("GET", "/a", "/a", (("Accept", "text/*"),)), kept(response(vary=(("accept", "video/*"),))), NOW),
        (Asked("GET", "/a", "/a"), kept(response(), length=None), NOW),
        (Asked("GET", "/a", "/a"), kept(response(), ((0, 999),)), NOW),
    ],
)
def test_what_needs_a_second_thought_has_no_quick_answer(asked: Asked, found: Kept, now: float) -> None:
    assert quick(asked, found, now) is None
    assert not is_released(found)


@pytest.mark.parametrize("purged", [Purged.SOFT, Purged.HARD])
def test_what_was_purged_has_no_quick_answer(purged: Purged) -> None:
    assert quick(Asked("GET", "/a", "/a"), kept(response()), purged=purged) is None


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    response_fields=st.lists(st.sampled_from(RESPONSE_FIELDS), max_size=3),
    request_fields=st.lists(st.sampled_from(REQUEST_FIELDS), max_size=2),
    is_vague=st.booleans(),
    vary=st.sampled_from([(), (("accept", None),), (("accept", "video/*"),), UNSELECTABLE]),
    after=st.sampled_from([0.0, 1.5, 29.0, 30.0, 58.9, 59.0, 1e6]),
    purged=st.sampled_from(Purged),
)
@example("GET", [TOMORROW], [], False, (), 1.5, Purged.NONE)
@example("GET", [*TWO_VARY], [], False, (), 1.5, Purged.NONE)
def test_a_quick_answer_is_that_of_the_long_way(
    method: str,
    response_fields: list[tuple[str, str]],
    request_fields: list[tuple[str, str]],
    is_vague: bool,
    vary: Variant,
    after: float,
    purged: Purged,
) -> None:
    fields = tuple(response_fields) if is_vague else tuple((dict(ORDINARY) | dict(response_fields)).items())
    stored, now = response(fields, vary=vary), NOW + after
    asked = Asked(method, "/a", "/a", tuple(request_fields), boundary="edge")
    reply = quick(asked, found := kept(stored), now, purged)
    if reply is None:
        assert not is_released(found)
        return
    decision = decide(method, asked.fields, stored, now, POLICY, purged=purged)
    assert isinstance(decision, Serve)
    status = CacheStatus(CACHE_NAME, ttl=int(decision.ttl))
    slow = reply_from(kept(stored), asked, status, decision.age, now, located)
    assert (reply.status, reply.headers, length_of(reply.body)) == (slow.status, slow.headers, length_of(slow.body))
    assert type(reply.body) is type(slow.body)
    assert (reply.content is None) is is_released(found)
    assert isinstance(reply.body, Empty | Bytes | FileSlice | Slices)
