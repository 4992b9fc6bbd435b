from __future__ import annotations

import asyncio

import pytest

from origin.edge.manifest import Manifest, ManifestCodec
from origin.manifests.template import Malformed, Spliced
from origin.media.kinds import Kind

MEDIA = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.ts\n"
MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
MPD = b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" %s><Period/></MPD>'
LARGE = MEDIA + b"#EXTINF:6,\n1.ts\n" * 10_000


@pytest.mark.parametrize(
    ("body", "named", "kind", "live"),
    [
        (MEDIA, Kind.MEDIA_PLAYLIST, Kind.MEDIA_PLAYLIST, 6.0),
        (MEDIA + b"#EXT-X-ENDLIST\n", Kind.MEDIA_PLAYLIST, Kind.MEDIA_PLAYLIST, None),
        (MEDIA.replace(b"#EXT-X-TARGETDURATION:6\n", b""), Kind.MEDIA_PLAYLIST, Kind.MEDIA_PLAYLIST, 2.0),
        (MULTIVARIANT, Kind.MEDIA_PLAYLIST, Kind.MULTIVARIANT, None),
        (MPD % b"", Kind.MPD, Kind.MPD, None),
        (MPD % b'type="dynamic"', Kind.MPD, Kind.MPD, 2.0),
        (MPD % b'type="dynamic" minimumUpdatePeriod="PT4S"', Kind.MPD, Kind.MPD, 4.0),
        (MPD % b'type="dynamic" maxSegmentDuration="PT3S"', Kind.MPD, Kind.MPD, 3.0),
        (b"noise", Kind.MEDIA_PLAYLIST, Kind.MEDIA_PLAYLIST, None),
        (LARGE, Kind.MEDIA_PLAYLIST, Kind.MEDIA_PLAYLIST, 6.0),
    ],
)
async def test_facts(body: bytes, named: Kind, kind: Kind, live: float | None) -> None:
    manifest = Manifest(body, 1.0, "v1", named)
    compiled = await manifest.compiled()
    assert (manifest.kind, manifest.live_target_duration) == (kind, live)
    assert isinstance(compiled, Malformed) == (body == b"noise")
    assert await manifest.compiled() is compiled


@pytest.mark.parametrize("body", [MEDIA, LARGE], ids=["small", "large"])
async def test_a_rendering_is_made_once_whoever_asks(body: bytes) -> None:
    manifest = Manifest(body, 1.0, "v1", Kind.MEDIA_PLAYLIST)
    made: list[int] = []

    def make() -> Spliced:
        made.append(1)
        return Spliced((body,))

    renderings = await asyncio.gather(*(manifest.rendering("key", make) for _ in range(5)))
    assert made == [1]
    assert len(set(map(id, renderings))) == 1


async def test_renderings_are_bounded_and_the_used_ones_stay() -> None:
    manifest = Manifest(MEDIA, 1.0, "v1", Kind.MEDIA_PLAYLIST)
    made: list[object] = []

    async def ask(key: object) -> None:
        def make() -> Spliced:
            made.append(key)
            return Spliced((MEDIA,))

        await manifest.rendering(key, make)

    await ask("hot")
    for number in range(50):
        await ask(number)
        await ask("hot")
    assert made.count("hot") == 1
    await ask(0)
    assert made.count(0) == 2


async def test_a_refusal_is_remembered() -> None:
    manifest = Manifest(MEDIA, 1.0, "v1", Kind.MEDIA_PLAYLIST)
    made: list[int] = []

    def make() -> Spliced:
        made.append(1)
        raise Malformed("reference_unprotectable", "URI")

    for _ in range(3):
        with pytest.raises(Malformed, match="reference_unprotectable: URI"):
            await manifest.rendering("key", make)
    assert made == [1]


async def test_what_all_share_is_coded_once_and_what_they_do_not_each_time() -> None:
    manifest = Manifest(MEDIA, 1.0, "v1", Kind.MEDIA_PLAYLIST)
    shared = await manifest.rendering("shared", lambda: Spliced((MEDIA,)))
    own = await manifest.rendering("own", lambda: Spliced((b"a", b"b")))
    assert shared.body(b"") == MEDIA
    assert await shared.coded(MEDIA, "gzip") is await shared.coded(MEDIA, "gzip")
    assert shared.etag(b"") is shared.etag(b"")
    first, second = own.body(b"1"), own.body(b"2")
    assert (first, second) == (b"a1b", b"a2b")
    tags = [own.etag(token) for token in (b"1", b"2")]
    assert tags[0] != tags[1] != shared.etag(b"") != tags[0]
    assert own.etag(b"1") == tags[0]
    other = await manifest.rendering("other", lambda: Spliced((b"a", b"c")))
    assert other.etag(b"1") not in tags
    assert own.coded_now(first, "gzip") == await own.coded(first, "gzip")
    assert shared.coded_now(MEDIA, "gzip") == await shared.coded(MEDIA, "gzip")
    assert shared.coded_now(MEDIA, "br") is None
    assert own.coded_now(b"x" * 100_000, "gzip") is None
    assert await own.coded(first, "gzip") != await own.coded(second, "gzip")
    long = b"x" * 100_000
    assert len(await own.coded(long, "gzip")) < 1000


async def test_codec() -> None:
    codec = ManifestCodec()
    manifest = Manifest(MULTIVARIANT, 1.5, "v1", Kind.MEDIA_PLAYLIST)
    await manifest.compiled()
    copy = codec.decode(codec.encode(manifest))
    assert (copy.body, copy.modified, copy.version, copy.name_kind) == (MULTIVARIANT, 1.5, "v1", Kind.MEDIA_PLAYLIST)
    await copy.compiled()
    assert copy.kind is Kind.MULTIVARIANT
    assert codec.weigh(Manifest(LARGE, 1, "v", Kind.MPD)) > len(LARGE)
    for data in (b"", b"\xc0", codec.encode(manifest)[:-3]):
        with pytest.raises(ValueError):  # msgspec's own errors are ValueErrors
            codec.decode(data)
