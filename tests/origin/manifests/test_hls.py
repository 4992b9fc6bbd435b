from collections.abc import Iterator
from pathlib import Path

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.hls import (
    MAX_LINE_BYTES,
    MAX_LINES,
    MAX_PLAYLIST_BYTES,
    PlaylistTemplate,
    compile_playlist,
)
from origin.manifests.references import resolve
from origin.manifests.template import TOKEN, Malformed, Slot

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "hls").glob("*.m3u8"))
samples = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)


def media(*lines: str) -> bytes:
    return "\n".join(("#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines, "")).encode()


def sample(name: str) -> PlaylistTemplate:
    (path,) = [path for path in SAMPLES if path.stem == name]
    return compile_playlist(path.read_bytes())


def uris(playlist: PlaylistTemplate) -> list[tuple[str, str]]:
    return [(slot.where, slot.uri) for slot in playlist.template.slots]


@samples
def test_the_identity_gives_back_every_byte(path: Path) -> None:
    data = path.read_bytes()
    template = compile_playlist(data).template
    assert template.render(lambda _: None) == data
    assert template.render(lambda slot: slot.uri) == data
    assert template.splice(lambda _: None).render(b"") == data


@samples
def test_only_slots_change(path: Path) -> None:
    data = path.read_bytes()
    template = compile_playlist(data).template
    changed = template.render(lambda slot: f"{slot.uri}?\u2603")
    count = sum(not slot.is_opaque for slot in template.slots)
    assert count > 0
    assert changed.count("?\u2603".encode()) == count
    assert changed.replace("?\u2603".encode(), b"") == data


@samples
def test_a_splice_is_one_join(path: Path) -> None:
    template = compile_playlist(path.read_bytes()).template
    spliced = template.splice(lambda slot: f"{slot.reference}?t={TOKEN}")
    assert spliced.render(b"abc") == template.render(lambda slot: f"{slot.reference}?t=abc")


def m3u8_uris(playlist: m3u8.M3U8) -> Iterator[str | None]:
    """Every URI that the m3u8 library finds in a playlist."""
    yield from (one.uri for one in playlist.playlists)
    yield from (one.uri for one in playlist.iframe_playlists)
    yield from (one.uri for one in playlist.image_playlists)
    yield from (one.uri for one in playlist.media)
    yield from (one.uri for one in playlist.keys + playlist.session_keys if one)
    yield from (one.uri for one in playlist.session_data)
    yield from (one.uri for one in playlist.segment_map)
    yield from (one.uri for one in playlist.rendition_reports)
    if playlist.content_steering:
        yield playlist.content_steering.uri
    if playlist.preload_hint:
        yield playlist.preload_hint.uri
    for segment in playlist.segments:
        yield segment.uri
        yield from (one.uri for one in segment.parts)
        yield segment.init_section.uri if segment.init_section else None


@samples
def test_another_parser_finds_no_uri_that_was_missed(path: Path) -> None:
    data = path.read_bytes()
    found = {slot.uri for slot in compile_playlist(data).template.slots}
    # The library knows neither FORMAT nor blanks around a comma.
    other = m3u8.loads(data.decode("utf-8-sig").replace(",FORMAT=JSON", ""))
    others = {uri.strip(' "') for uri in m3u8_uris(other) if uri}
    assert others
    assert others <= found


def test_every_tag_of_a_multivariant_playlist() -> None:
    assert uris(sample("multivariant")) == [
        ("EXT-X-CONTENT-STEERING:SERVER-URI", "/steering?video=00012"),
        ("EXT-X-SESSION-DATA:URI", "lyrics.json"),
        ("EXT-X-SESSION-KEY:URI", "skd://key65"),
        ("EXT-X-SESSION-KEY:URI", "keys/session.bin"),
        ("EXT-X-MEDIA:URI", "audio/en/index.m3u8"),
        ("EXT-X-MEDIA:URI", "//audio.example/de/index.m3u8"),
        ("EXT-X-MEDIA:URI", "../subs/fr/ügly.m3u8"),
        ("URI", "v5/prog_index.m3u8"),
        ("URI", "https://cdn-b.example:8443/v9/prog_index.m3u8?a=1&b=2#top"),
        ("EXT-X-I-FRAME-STREAM-INF:URI", "v7/iframe_index.m3u8"),
        ("EXT-X-IMAGE-STREAM-INF:URI", "thumbs/index.m3u8"),
    ]


def test_every_tag_of_a_low_latency_playlist() -> None:
    assert uris(sample("low-latency")) == [
        ("EXT-X-MAP:URI", "init.mp4"),
        ("URI", "fileSequence266.mp4"),
        ("EXT-X-PART:URI", "filePart271.0.mp4"),
        ("EXT-X-PART:URI", "filePart271.all.mp4"),
        ("EXT-X-PART:URI", "filePart271.c.mp4"),
        ("URI", "fileSequence271.mp4"),
        ("EXT-X-PRELOAD-HINT:URI", "filePart272.a.mp4"),
        ("EXT-X-PRELOAD-HINT:URI", "/live/init2.mp4"),
        ("EXT-X-RENDITION-REPORT:URI", "../1M/waitForMSN.php"),
        ("EXT-X-RENDITION-REPORT:URI", "../4M/waitForMSN.php"),
    ]


def test_interstitials_and_vendor_tags() -> None:
    assert uris(sample("dateranges"))[:3] == [
        ("EXT-X-DATERANGE:X-ASSET-URI", "http://ads.example/ad1.m3u8"),
        ("EXT-X-DATERANGE:X-ASSET-LIST", "/ads/list.json?pod=2"),
        ("EXT-X-DATERANGE:X-VENDOR-POSTER-URI", "img/poster.jpg"),
    ]
    assert uris(sample("vendor")) == [
        ("EXT-X-VENDOR-OVERLAY:URI", "overlay/1.png"),
        ("EXT-X-VENDOR-OVERLAY:OVERLAY-URI", "overlay/2.png"),
        ("EXT-X-VENDOR-LOOSE:URI", "loose.json"),
        ("URI", "0.ts"),
        ("URI", "1.ts"),
    ]


def test_uris_outside_http_are_never_touched() -> None:
    slots = sample("encrypted").template.slots
    assert [slot.uri.partition(":")[0] for slot in slots if slot.is_opaque] == ["skd", "data"]


def test_blanks_around_a_uri_are_not_part_of_it() -> None:
    assert uris(sample("blanks")) == [("URI", "seg 1.ts"), ("EXT-X-MAP:URI", "i.mp4"), ("URI", "seg2.ts")]


@pytest.mark.parametrize(
    ("name", "is_multivariant", "is_live", "target_duration", "version", "has_parts", "newline"),
    [
        ("multivariant", True, False, None, 9, False, b"\n"),
        ("low-latency", False, True, 4.0, 10, True, b"\n"),
        ("dateranges", False, True, 6.0, 7, False, b"\n"),
        ("crlf", False, False, 10.0, 5, False, b"\r\n"),
        ("no-final-newline", False, False, 10.0, 4, False, b"\n"),
        ("blanks", False, True, 6.0, 1, False, b"\n"),
    ],
)
def test_the_facts(
    name: str,
    is_multivariant: bool,
    is_live: bool,
    target_duration: float | None,
    version: int,
    has_parts: bool,
    newline: bytes,
) -> None:
    found = sample(name)
    assert (found.is_multivariant, found.is_live) == (is_multivariant, is_live)
    assert (found.target_duration, found.version) == (target_duration, version)
    assert (found.has_parts, found.newline) == (has_parts, newline)


MALFORMED = {
    "empty": (b"", "not_a_playlist"),
    "html": (b"<html>", "not_a_playlist"),
    "late first line": (b"\n#EXTM3U\n", "not_a_playlist"),
    "longer first line": (b"#EXTM3U8\n", "not_a_playlist"),
    "first line with a no-break space": ("#EXTM3U\u00a0\n".encode(), "not_a_playlist"),
    "only a first line": (b"#EXTM3U", "playlist_kind_unknown"),
    "plain list of files": (b"#EXTM3U\na.mp3\n", "playlist_kind_unknown"),
    "both kinds": (media("#EXT-X-STREAM-INF:BANDWIDTH=1", "v.m3u8"), "playlist_mixed"),
    "not UTF-8": (media("a") + b"\xff.ts\n", "not_utf8"),
    "UTF-16": ("#EXTM3U\n".encode("utf-16"), "not_utf8"),
    "NUL": (media("a\x00.ts"), "control_character"),
    "bare CR": (media("# comment\rhttps://evil.example/x.ts"), "control_character"),
    "CR CR LF": (media("a.ts\r\r"), "control_character"),
    "control character in a URI": (media("a\x0b.ts"), "reference_invalid"),
    "line separator in a URI": (media("a\u2028b.ts"), "reference_invalid"),
    "backslash": (media("a\\b.ts"), "reference_invalid"),
    "no authority": (media("https:///b.ts"), "reference_invalid"),
    "indented tag": (media(' #EXT-X-KEY:METHOD=AES-128,URI="k"'), "line_ambiguous"),
    "unquoted URI": (media("#EXT-X-MAP:URI=init.mp4"), "attribute_invalid"),
    "open quote": (media('#EXT-X-MAP:URI="init.mp4'), "attribute_invalid"),
    "no attributes": (media("#EXT-X-KEY"), "attribute_invalid"),
    "duplicate": (media('#EXT-X-MAP:URI="a",URI="b"'), "attribute_duplicate"),
    "two versions": (media("#EXT-X-VERSION:3", "#EXT-X-VERSION:3"), "version_invalid"),
    "version": (media("#EXT-X-VERSION:three"), "version_invalid"),
    "target duration": (media("#EXT-X-TARGETDURATION:6"), "target_duration_invalid"),
    "negative target duration": (b"#EXTM3U\n#EXT-X-TARGETDURATION:-6\n", "target_duration_invalid"),
    "enormous target duration": (b"#EXTM3U\n#EXT-X-TARGETDURATION:" + b"9" * 400, "target_duration_invalid"),
    "imported host": (media('#EXT-X-DEFINE:IMPORT="h"', "{$h}/a.ts"), "variable_unresolved"),
    "queried host": (media('#EXT-X-DEFINE:QUERYPARAM="h"', "https://{$h}/a.ts"), "variable_unresolved"),
    "undefined start": (media("{$h}a.ts"), "variable_unresolved"),
    "late definition": (media("{$h}a.ts", '#EXT-X-DEFINE:NAME="h",VALUE="\\"'), "reference_invalid"),
    "definition": (media("#EXT-X-DEFINE:NAME=1"), "variable_invalid"),
    "large": (b"#EXTM3U\n" + b"#\n" * (MAX_PLAYLIST_BYTES // 2), "too_large"),
    "one line of 10 MB": (b"#EXTM3U\n" + b"a" * 10_000_000, "too_large"),
    "long line": (media("a" * (MAX_LINE_BYTES + 1)), "too_large"),
    "many lines": (b"#EXTM3U\n" + b"\n" * MAX_LINES, "too_large"),
    "amplified variables": (
        media(f'#EXT-X-DEFINE:NAME="v",VALUE="{"v" * 4000}"', *["{$v}"] * 3000),
        "too_large",
    ),
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        compile_playlist(data)
    assert caught.value.reason == reason


def test_known_variables_decide_where_a_reference_points() -> None:
    found = sample("variables")
    places = [resolve("/m.m3u8", slot.bases, slot.reference).places[0] for slot in found.template.slots]
    assert [getattr(place, "authority", None) for place in places] == ["cdn.example", "cdn.example", None]
    assert [slot.uri for slot in found.template.slots][1] == "{$dir}/seg-{$lang}-1.ts?token={$token}"


def is_own(slot: Slot) -> bool:
    return resolve("/vod/a.m3u8", slot.bases, slot.reference).is_own


def test_the_query_variable_of_a_media_playlist() -> None:
    playlist = compile_playlist(
        media('#EXT-X-KEY:METHOD=AES-128,URI="k?a=1"', "#EXTINF:6,", "s.ts", "https://b.example/s.ts")
    )
    assert playlist.with_query_variable("token", is_own).decode() == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:11\n"
        '#EXT-X-DEFINE:QUERYPARAM="token"\n'
        "#EXT-X-TARGETDURATION:6\n"
        '#EXT-X-KEY:METHOD=AES-128,URI="k?a=1&token={$token}"\n'
        "#EXTINF:6,\n"
        "s.ts?token={$token}\n"
        "https://b.example/s.ts\n"
    )


@pytest.mark.parametrize(("version", "raised"), [("3", b"11"), ("010", b"11"), ("11", b"11"), ("13", b"13")])
def test_the_version_is_raised_but_never_lowered(version: str, raised: bytes) -> None:
    playlist = compile_playlist(media(f"#EXT-X-VERSION:{version}", "s.ts"))
    lines = playlist.with_query_variable("t", lambda _: True).splitlines()
    assert [line for line in lines if line.startswith(b"#EXT-X-VERSION")] == [b"#EXT-X-VERSION:" + raised]


def test_inserted_lines_end_as_the_others_do() -> None:
    lines = sample("crlf").with_query_variable("t", lambda _: True).split(b"\n")
    assert lines[1] == b'#EXT-X-DEFINE:QUERYPARAM="t"\r'
    assert all(line.endswith(b"\r") for line in lines[:-1])


def test_a_variable_that_is_already_carried_is_used_again() -> None:
    playlist = sample("variables")
    rendered = playlist.with_query_variable("token", lambda _: True)
    assert rendered.count(b"#EXT-X-DEFINE:QUERYPARAM") == 1
    assert b'"https://cdn.example/keys/1?token={$token}"' in rendered
    assert b"\nseg/{$lang}/2.ts?token={$token}\n" in rendered
    assert compile_playlist(rendered).variables == playlist.variables


def test_names_that_are_taken() -> None:
    for name in ("host", "lang"):
        with pytest.raises(Malformed, match="variable_conflict"):
            sample("variables").with_query_variable(name, is_own)
    for query in ("token=abc", "token", "token={$token}&token={$token}", "token={$other}"):
        with pytest.raises(Malformed, match="parameter_conflict"):
            compile_playlist(media(f"s.ts?{query}")).with_query_variable("token", is_own)
    with pytest.raises(ValueError, match="name"):
        compile_playlist(media("s.ts")).with_query_variable('a"b', is_own)


@samples
def test_what_carries_a_variable_is_a_playlist_again(path: Path) -> None:
    playlist = compile_playlist(path.read_bytes())
    rendered = compile_playlist(playlist.with_query_variable("token", is_own))
    assert rendered.version >= 11
    assert "token" in {variable.name for variable in rendered.variables}
    assert rendered.is_multivariant == playlist.is_multivariant
    for before, after in zip(playlist.template.slots, rendered.template.slots, strict=True):
        if before.is_opaque or not is_own(before):
            assert after == before
        else:
            assert "token={$token}" in after.uri


LINES = st.one_of(
    st.sampled_from(
        [line for path in SAMPLES for line in path.read_text("utf-8-sig").splitlines()[1:] if "DEFINE" not in line]
    ),
    st.builds("#EXT-X-{}:{}".format, st.from_regex(r"[A-Z-]{1,9}", fullmatch=True), st.text(max_size=20)),
    st.text(max_size=30),
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_any_text_is_refused_or_comes_back_byte_for_byte(
    lines: list[str], newline: str, has_final_newline: bool, has_mark: bool
) -> None:
    text = newline.join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines]) + newline * has_final_newline
    data = ("\ufeff" * has_mark + text).encode(errors="surrogatepass")
    try:
        playlist = compile_playlist(data)
    except Malformed:
        return
    assert playlist.template.render(lambda slot: slot.uri) == data


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_playlist_is_refused_or_comes_back_byte_for_byte(path: Path, data: st.DataObject) -> None:
    source = path.read_bytes()
    start = data.draw(st.integers(0, len(source)))
    patch = data.draw(st.sampled_from([b"", b'"', b",", b"=", b"\n", b"\r", b"{$", b'URI="x"', b"\xc3", b"#EXT"]))
    damaged = source[:start] + patch + source[start + data.draw(st.integers(0, 20)) :]
    try:
        template = compile_playlist(damaged).template
    except Malformed:
        return
    assert template.render(lambda _: None) == damaged


@given(st.binary())
def test_any_bytes_are_refused_or_come_back(noise: bytes) -> None:
    try:
        playlist = compile_playlist(b"#EXTM3U\n#EXTINF:6,\n" + noise)
    except Malformed:
        return
    assert playlist.template.render(lambda _: None) == b"#EXTM3U\n#EXTINF:6,\n" + noise
