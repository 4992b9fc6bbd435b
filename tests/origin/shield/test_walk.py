"""Fetching everything that a manifest leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from origin.shield.walk import Bounds, CacheResult, Fetched, Order, Spend, Summary, Walk, cache_result

HOME = "https://cdn.example"
MULTIVARIANT = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="a/en.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"
v/hd.m3u8
"""
MEDIA = '#EXTM3U\n#EXT-X-MAP:URI="i.mp4"\n#EXTINF:6,\n1.m4s\n#EXTINF:6,\n2.m4s\n#EXT-X-ENDLIST\n'
FILM = {"/f/x.m3u8": MULTIVARIANT, "/f/a/en.m3u8": MEDIA, "/f/v/hd.m3u8": MEDIA}
EVERYTHING = {"/f/x.m3u8", *(f"/f/{name}" for name in ("a/en.m3u8", "v/hd.m3u8"))} | {
    f"/f/{folder}/{name}" for folder in "av" for name in ("i.mp4", "1.m4s", "2.m4s")
}


@dataclass
class Site:
    """Manifests by URL without the host; every other object has ten bytes, unless it is missing."""

    manifests: Mapping[str, str] = field(default_factory=lambda: FILM)
    missing: frozenset[str] = frozenset()
    orders: list[Order] = field(default_factory=list)
    told: list[Fetched] = field(default_factory=list)

    async def fetch(self, order: Order, spend: Spend) -> Fetched:
        self.orders.append(order)
        place = order.url.removeprefix(HOME)
        body = self.manifests.get(place.partition("?")[0], "0123456789").encode()
        if place in self.missing:
            return Fetched(order.url, fault="status 404")
        if not spend(len(body)):
            return Fetched(order.url, fault="more bytes than allowed")
        cache = CacheResult.HIT if "/a/" in place else CacheResult.MISS
        return Fetched(order.url, len(body), body if order.keep else b"", cache)

    async def walk(self, url: str = f"{HOME}/f/x.m3u8", bounds: Bounds | None = None) -> Summary:
        return await Walk(self.fetch, bounds or Bounds(), 0.0, self.told.append).run(url)

    @property
    def places(self) -> list[str]:
        return [order.url.removeprefix(HOME) for order in self.orders]


async def test_everything_is_fetched_once() -> None:
    site = Site()
    summary = await site.walk()
    assert sorted(site.places) == sorted(EVERYTHING)
    size = sum(map(len, FILM.values())) + 60
    assert summary == Summary(objects=9, bytes=size, hits=4, misses=5)
    assert summary.is_complete
    assert [fetched.url for fetched in site.told] == [order.url for order in site.orders]
    # The beginning of everything comes first, whatever the limit turns out to be.
    assert {place.rpartition("/")[2] for place in site.places[3:5]} == {"i.mp4"}
    assert all(order.keep == 0 for order in site.orders[3:])


async def test_what_has_no_query_gets_the_first_ones() -> None:
    site = Site({"/f/x.m3u8": MULTIVARIANT.replace("hd.m3u8", "hd.m3u8?token=own"), "/f/v/hd.m3u8": MEDIA})
    await site.walk(f"{HOME}/f/x.m3u8?token=first")
    assert {"/f/a/en.m3u8?token=first", "/f/v/hd.m3u8?token=own", "/f/v/1.m4s?token=first"} <= set(site.places)


async def test_the_query_variable_of_a_playlist_is_that_of_its_url() -> None:
    text = '#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM="token"\n#EXTINF:6,\n1.ts?token={$token}\n#EXT-X-ENDLIST\n'
    site = Site({"/f/x.m3u8": text})
    await site.walk(f"{HOME}/f/x.m3u8?token=first")
    assert site.places == ["/f/x.m3u8?token=first", "/f/1.ts?token=first"]


MPD = """<MPD mediaPresentationDuration="PT12S"><Period><AdaptationSet>
<SegmentTemplate duration="6" initialization="i?t=a&amp;x=%20" media="$Number%02d$ä.m4s?t=a&amp;x=%20"/>
<Representation/></AdaptationSet></Period></MPD>"""


async def test_an_mpd() -> None:
    site = Site({"/f/x.mpd": MPD})
    summary = await site.walk(f"{HOME}/f/x.mpd")
    assert site.places[1:] == ["/f/i?t=a&x=%20", "/f/01%C3%A4.m4s?t=a&x=%20", "/f/02%C3%A4.m4s?t=a&x=%20"]
    assert summary.is_complete


@pytest.mark.parametrize("follows", [False, True])
async def test_other_hosts(follows: bool) -> None:
    urls = ["https://other.example/1.ts", "//cdn.example:443/2.ts", "http://cdn.example/3.ts", "data:,x", "skd://x"]
    site = Site({"/x.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:6\n" + "\n".join(urls)})
    summary = await site.walk(f"{HOME}/x.m3u8?t=1", Bounds(follow_hosts=follows))
    others = {"https://other.example/1.ts", "http://cdn.example/3.ts"} if follows else set()
    assert {order.url for order in site.orders[1:]} == {"https://cdn.example:443/2.ts?t=1"} | others
    assert all(order.may_redirect is follows for order in site.orders)
    assert summary.is_complete


async def test_ranges_are_asked_for_as_ranges() -> None:
    site = Site(
        {"/x.m3u8": "#EXTM3U\n#EXT-X-BYTERANGE:5@10\n#EXTINF:6,\nf.mp4\n#EXT-X-BYTERANGE:5\n#EXTINF:6,\nf.mp4\n"}
    )
    await site.walk(f"{HOME}/x.m3u8")
    assert [order.span for order in site.orders] == [None, (10, 14), (15, 19)]


async def test_what_is_missing_makes_a_walk_incomplete() -> None:
    site = Site(missing=frozenset({"/f/v/2.m4s", "/f/a/en.m3u8"}))
    summary = await site.walk()
    assert sorted((each.url.removeprefix(HOME), each.fault) for each in summary.failures) == [
        ("/f/a/en.m3u8", "status 404"),
        ("/f/v/2.m4s", "status 404"),
    ]
    assert not summary.is_complete
    assert summary.objects == 4


async def test_what_is_no_manifest() -> None:
    site = Site({"/x.m3u8": "<html/>"})
    summary = await site.walk(f"{HOME}/x.m3u8")
    assert [each.fault for each in summary.failures] == ["not a manifest that can be read (not_an_mpd)"]
    assert site.told[-1] == summary.failures[0]


@pytest.mark.parametrize("limit", [1, 3, 8])
async def test_a_limit_of_objects_ends_the_walk(limit: int) -> None:
    site = Site()
    summary = await site.walk(bounds=Bounds(limit=limit))
    assert len(site.orders) == summary.objects == limit
    assert summary.is_cut
    assert not summary.is_complete


async def test_a_limit_that_suffices_does_not_cut() -> None:
    assert (await Site().walk(bounds=Bounds(limit=9))).is_complete


async def test_a_limit_of_bytes_ends_the_walk() -> None:
    site = Site()
    size = sum(map(len, FILM.values()))
    summary = await site.walk(bounds=Bounds(max_bytes=size + 25))
    assert summary.is_cut
    assert not summary.is_complete
    assert len(site.orders) <= 6
    assert (await Site().walk(bounds=Bounds(max_bytes=size + 60))).is_complete


async def test_an_endless_mpd_ends_at_the_limit() -> None:
    mpd = MPD.replace("mediaPresentationDuration", 'type="dynamic" availabilityStartTime="1900-01-01T00:00:00Z" id')
    site = Site({"/f/x.mpd": mpd})
    summary = await site.walk(f"{HOME}/f/x.mpd", Bounds(limit=20))
    assert (len(site.orders), summary.is_cut) == (20, True)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (None, CacheResult.UNKNOWN),
        ("", CacheResult.UNKNOWN),
        ("Headgate; hit; ttl=5", CacheResult.HIT),
        ("Headgate;hit=?1", CacheResult.HIT),
        ("Headgate; fwd=uri-miss; stored", CacheResult.MISS),
        ("Shield; hit, Edge; fwd=stale", CacheResult.MISS),
        ("Shield; fwd=uri-miss, Edge; hit", CacheResult.HIT),
        ('Edge; detail=", x; hit"', CacheResult.UNKNOWN),
        ('Edge; fwd=miss; detail="a\\"; hit"', CacheResult.MISS),
    ],
)
def test_cache_status(value: str | None, result: CacheResult) -> None:
    assert cache_result(value) is result
