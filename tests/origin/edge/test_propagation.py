"""Propagation, judged by a player: what it fetches from below the mount carries the token, and nothing else does."""

from __future__ import annotations

import re
from functools import reduce
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import Transport
from origin.edge.mount import Propagation
from origin.edge.propagation import Carry, Compiled, Place, carry_for, splice
from origin.manifests.dash import compile_mpd
from origin.manifests.hls import compile_playlist
from origin.manifests.template import Malformed
from origin.media.target import MountName, find_mount

TOKEN = "eyJ.T-0_k.en"
VOD, NESTED, LIVE, TIME = MountName("/vod"), MountName("/vod/live"), MountName("/live"), MountName("/v")
MOUNTS = (VOD, NESTED, LIVE, TIME)
PLACE = Place(VOD, MOUNTS, "/vod/film/index.m3u8", frozenset({"https://cdn.example"}), "token")
REWRITING = (Carry.QUERY, Carry.PATH_INHERITED, Carry.PATH_ROOTED)

# reference in /vod/film/index.m3u8 → the URL that a player fetches, and whether it lies below the mount
REFERENCES: list[tuple[str, str, bool]] = [
    ("1.ts", "/vod/film/1.ts", True),
    ("./1.ts", "/vod/film/1.ts", True),
    ("a/b/1.ts?x=1&y=2", "/vod/film/a/b/1.ts?x=1&y=2", True),
    ("1.ts?", "/vod/film/1.ts?", True),
    ("1.ts#t=1", "/vod/film/1.ts#t=1", True),
    ("1.ts?x=1#t=1", "/vod/film/1.ts?x=1#t=1", True),
    ("?part=2", "/vod/film/index.m3u8?part=2", True),
    ("../other/1.ts", "/vod/other/1.ts", True),
    ("../../vod/1.ts", "/vod/1.ts", True),
    ("/vod/1.ts", "/vod/1.ts", True),
    ("/vod/%6cive.ts", "/vod/%6cive.ts", True),
    ("//cdn.example/vod/1.ts", "https://cdn.example/vod/1.ts", True),
    ("https://cdn.example/vod/1.ts", "https://cdn.example/vod/1.ts", True),
    ("https://CDN.example/vod/1.ts", "https://CDN.example/vod/1.ts", True),
    ("HTTPS://cdn.example:443/vod/1.ts", "https://cdn.example:443/vod/1.ts", True),
    ("https://cdn.example:/vod/1.ts", "https://cdn.example:/vod/1.ts", True),
    ("../../1.ts", "/1.ts", False),
    ("../../../../live/1.ts", "/live/1.ts", False),
    ("../live/1.ts", "/vod/live/1.ts", False),
    ("/vod/%6cive/1.ts", "/vod/%6cive/1.ts", False),
    ("/vodka/1.ts", "/vodka/1.ts", False),
    ("/vod", "/vod", False),
    ("/time", "/time", False),
    ("/", "/", False),
    ("https://cdn.example/1.ts", "https://cdn.example/1.ts", False),
    ("https://cdn.example", "https://cdn.example", False),
    ("https://cdn.example/vod/../live/1.ts", "https://cdn.example/live/1.ts", False),
    ("http://cdn.example/vod/1.ts", "http://cdn.example/vod/1.ts", False),
    ("https://cdn.example:8443/vod/1.ts", "https://cdn.example:8443/vod/1.ts", False),
    ("https://cdn.example./vod/1.ts", "https://cdn.example./vod/1.ts", False),
    ("https://cdn.example.evil/vod/1.ts", "https://cdn.example.evil/vod/1.ts", False),
    ("https://cdn.example@evil/vod/1.ts", "https://cdn.example@evil/vod/1.ts", False),
    ("https://user@cdn.example/vod/1.ts", "https://user@cdn.example/vod/1.ts", False),
    ("https://[::1]/vod/1.ts", "https://[::1]/vod/1.ts", False),
    ("//evil.example/vod/1.ts", "https://evil.example/vod/1.ts", False),
    ("ftp://cdn.example/vod/1.ts", "ftp://cdn.example/vod/1.ts", False),
    ("data:text/plain,vod", "data:text/plain,vod", False),
]


def playlist(reference: str) -> bytes:
    return f'#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="{reference}"\n#EXTINF:4,\n{reference}\n'.encode()


def segment_place(path: str) -> str:
    return path.replace("/vod/", f"/vod/token={TOKEN}/", 1)


def manifest_url(carry: Carry) -> str:
    path = PLACE.path
    return "https://cdn.example" + (segment_place(path) if carry is Carry.PATH_INHERITED else path)


def fetched_hls(rendered: bytes, url: str) -> list[str]:
    """What a player fetches for the references of a playlist, in the way of the standard library."""
    lines = rendered.decode().splitlines()
    references = [line for line in lines if line and not line.startswith("#")]
    references += re.findall(r'URI="([^"]*)"', rendered.decode())
    return [urljoin(url, reference) for reference in references]


def token_count(url: str) -> int:
    return url.count(TOKEN)


def without_token(url: str) -> str:
    """The URL as it was meant."""
    url = url.replace(f"/token={TOKEN}/", "/", 1)
    return re.sub(rf"([?&])token={re.escape(TOKEN)}", lambda mark: "" if mark[1] == "&" else "?", url)


def rendered(compiled: Compiled, carry: Carry, place: Place = PLACE) -> bytes:
    return splice(compiled, carry, place, annex_i=False).render(TOKEN.encode())


@pytest.mark.parametrize("carry", REWRITING)
@pytest.mark.parametrize(("reference", "meant", "is_ours"), REFERENCES)
def test_what_a_player_fetches(reference: str, meant: str, is_ours: bool, carry: Carry) -> None:
    text = rendered(compile_playlist(playlist(reference)), carry)
    for url in fetched_hls(text, manifest_url(carry)):
        assert token_count(url) == (1 if is_ours else 0), url
        if is_ours:
            expected = urlsplit(urljoin("https://cdn.example", meant))
            parts = urlsplit(without_token(url))
            assert (parts.hostname, parts.path) == (expected.hostname, expected.path)
            assert parts.fragment == expected.fragment
            assert parts.query.rstrip("&") == expected.query


@pytest.mark.parametrize("carry", [Carry.NOTHING, Carry.VARIABLE])
def test_a_manifest_for_all_has_no_token(carry: Carry) -> None:
    for reference, _, _ in REFERENCES:
        spliced = splice(compile_playlist(playlist(reference)), carry, PLACE, annex_i=False)
        assert len(spliced.parts) == 1


@pytest.mark.parametrize(("reference", "_meant", "is_ours"), REFERENCES)
def test_the_variable_goes_where_the_token_would(reference: str, _meant: str, is_ours: bool) -> None:
    text = rendered(compile_playlist(playlist(reference)), Carry.VARIABLE).decode()
    assert text.count("token={$token}") == (2 if is_ours else 0)


MULTI_CDN = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic">
<Location>{location}</Location><PatchLocation>patch.mpp</PatchLocation>
{bases}
<Period><AdaptationSet><SegmentTemplate media="v/$Number$.m4s" initialization="v/init.mp4"/>
<Representation id="1"/></AdaptationSet></Period>
<ContentSteering>{steering}</ContentSteering>
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/></MPD>"""


def mpd(*bases: str, location: str = "film.mpd", steering: str = "https://steer.example/s") -> bytes:
    texts = "".join(f"<BaseURL>{base}</BaseURL>" for base in bases)
    return MULTI_CDN.format(bases=texts, location=location, steering=steering).encode()


def fetched_dash(text: bytes, url: str) -> list[str]:
    document = text.decode().replace("&amp;", "&")
    bases = re.findall(r"<BaseURL>(.*?)</BaseURL>", document) or [""]
    direct = re.findall(r"<(?:Location|PatchLocation)>(.*?)<", document) + re.findall(r' value="(.*?)"', document)
    direct_urls = [urljoin(url, reference) for reference in direct]
    below = re.findall(r'(?:media|initialization)="(.*?)"', document)
    below += re.findall(r"<ContentSteering>(.*?)<", document)
    return direct_urls + [reduce(urljoin, (base, reference), url) for base in bases for reference in below]


@pytest.mark.parametrize("carry", REWRITING)
@pytest.mark.parametrize(
    "bases",
    [
        (),
        ("",),
        ("v1/",),
        ("https://cdn.example/vod/film/",),
        ("/vod/elsewhere/",),
        ("/live/",),
        ("../live/",),
        ("https://other.example/vod/film/",),
        ("https://cdn.example/vod/film/", "https://other.example/film/"),
        ("here/", "https://other.example/film/"),
        ("here/", "/live/film/", "//other.example/vod/"),
        ("http://cdn.example/vod/film/", "https://cdn.example/vod/film/"),
    ],
)
def test_what_a_dash_player_fetches(bases: tuple[str, ...], carry: Carry) -> None:
    place = Place(VOD, MOUNTS, "/vod/film/film.mpd", PLACE.own_origins, "token")
    text = rendered(compile_mpd(mpd(*bases, location="/vod/film/new.mpd")), carry, place)
    shown = segment_place(place.path) if carry is Carry.PATH_INHERITED else place.path
    for url in fetched_dash(text, f"https://cdn.example{shown}"):
        assert token_count(url) == (1 if is_ours(url) else 0), url


def is_ours(url: str) -> bool:
    parts = urlsplit(without_token(url))
    found = find_mount(parts.path, MOUNTS)
    return (parts.scheme, parts.netloc) == ("https", "cdn.example") and found == VOD and parts.path != "/vod"


segments = st.sampled_from(["vod", "live", "film", "..", ".", "%2e%2e", "1.ts", "", "v", "%76od", "a b"])
origins = st.sampled_from(["", "", "https://cdn.example", "//cdn.example", "http://cdn.example", "//evil", "https://e"])
references = st.builds(
    lambda origin, rooted, path, query, fragment: (
        origin + ("/" if rooted or origin else "") + "/".join(path) + query + fragment
    ),
    origins,
    st.booleans(),
    st.lists(segments, min_size=1, max_size=5),
    st.sampled_from(["", "?", "?a=1", "?a=/vod/", "?t=x&b"]),
    st.sampled_from(["", "#f"]),
)


@given(
    st.lists(references.filter(lambda text: not text.startswith("///")), min_size=1, max_size=3),
    st.sampled_from(REWRITING),
)
def test_no_token_ever_leaves_the_mount(bases: list[str], carry: Carry) -> None:
    place = Place(VOD, MOUNTS, "/vod/film/film.mpd", PLACE.own_origins, "token")
    shown = segment_place(place.path) if carry is Carry.PATH_INHERITED else place.path
    try:
        text = rendered(compile_mpd(mpd(*(base.replace("&", "&amp;") for base in bases))), carry, place)
    except Malformed:
        return  # refused whole: nothing leaves
    for url in fetched_dash(text, f"https://cdn.example{shown}"):
        if token_count(url):
            parts = urlsplit(url)
            assert parts.scheme == "https"
            assert parts.hostname == "cdn.example"
            assert token_count(url) == 1
            assert find_mount(urlsplit(without_token(url)).path, MOUNTS) == VOD


@pytest.mark.parametrize("carry", REWRITING)
@pytest.mark.parametrize("reference", ["../%2e%2e/live/1.ts", ".%2E/1.ts", "%2e/1.ts", "a/%2E.", "/vod/%2e%2e?a"])
def test_an_encoded_dot_segment_is_refused(reference: str, carry: Carry) -> None:
    with pytest.raises(Malformed, match="reference_invalid"):
        splice(compile_playlist(playlist(reference)), carry, PLACE, annex_i=False)
    with pytest.raises(Malformed, match="reference_invalid"):
        splice(compile_mpd(mpd(reference)), carry, PLACE, annex_i=False)


@pytest.mark.parametrize(
    ("reference", "carry"),
    [
        ("1.ts?token=x", Carry.QUERY),
        ("1.ts?a=1&token=", Carry.QUERY),
        ("1.ts?tok%65n=x", Carry.QUERY),
        ("1.ts?token=x", Carry.VARIABLE),
        ("1.ts?a=1&token=", Carry.VARIABLE),
    ],
)
def test_a_reference_with_a_token_of_its_own_is_refused(reference: str, carry: Carry) -> None:
    compiled = compile_playlist(playlist(reference))
    with pytest.raises(Malformed, match="parameter_conflict"):
        splice(compiled, carry, PLACE, annex_i=False)


def test_annex_i_is_declared_only_where_it_reaches_all() -> None:
    place = Place(VOD, MOUNTS, "/vod/film/film.mpd", PLACE.own_origins, "token")
    plain = (
        b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><SegmentTemplate media="$Number$.m4s"/>'
        b'<Representation id="1"/></AdaptationSet></Period></MPD>'
    )
    shared = splice(compile_mpd(plain), Carry.VARIABLE, place, annex_i=True)
    assert b"useMPDUrlQuery" in b"".join(shared.parts)
    rewritten = splice(compile_mpd(plain), Carry.VARIABLE, place, annex_i=False)
    assert len(rewritten.parts) == 2
    mixed = splice(compile_mpd(mpd("a/", "https://other.example/")), Carry.VARIABLE, place, annex_i=True)
    assert b"useMPDUrlQuery" not in b"".join(mixed.parts)
    assert len(mixed.parts) > 1


@pytest.mark.parametrize(
    ("mode", "transport", "carry"),
    [
        (Propagation.QUERY, Transport.QUERY, Carry.QUERY),
        (Propagation.QUERY, Transport.HEADER, Carry.QUERY),
        (Propagation.QUERY, Transport.PATH, Carry.PATH_INHERITED),
        (Propagation.QUERY, None, Carry.QUERY),
        (Propagation.DEFINE, Transport.QUERY, Carry.VARIABLE),
        (Propagation.DEFINE, None, Carry.VARIABLE),
        (Propagation.DEFINE, Transport.COOKIE, Carry.QUERY),
        (Propagation.DEFINE, Transport.PATH, Carry.PATH_INHERITED),
        (Propagation.PATH, Transport.PATH, Carry.PATH_INHERITED),
        (Propagation.PATH, None, Carry.PATH_INHERITED),
        (Propagation.PATH, Transport.QUERY, Carry.PATH_ROOTED),
        (Propagation.COOKIE, Transport.QUERY, Carry.NOTHING),
        (Propagation.NONE, Transport.QUERY, Carry.NOTHING),
    ],
)
def test_how_the_token_came_decides_how_it_goes_on(
    mode: Propagation, transport: Transport | None, carry: Carry
) -> None:
    assert carry_for(mode, transport) is carry


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/vod/a/b", "a/b"),
        ("/%76od/a", "a"),
        ("/vod/", ""),
        ("/vod", None),
        ("/vod/live/a", None),
        ("/vodka/a", None),
        ("//vod/a", None),
    ],
)
def test_below(path: str, below: str | None) -> None:
    assert PLACE.below(path) == below


def test_a_mount_of_everything_leaves_the_others_alone() -> None:
    everything = MountName("/")
    place = Place(everything, (everything, LIVE), "/film/index.m3u8", frozenset(), "token")
    ours = compile_playlist(playlist("1.ts"))
    theirs = compile_playlist(playlist("/live/1.ts"))
    for carry in REWRITING:
        url = "https://a" + (f"/token={TOKEN}" if carry is Carry.PATH_INHERITED else "") + "/film/index.m3u8"
        assert {token_count(one) for one in fetched_hls(rendered(ours, carry, place), url)} == {1}
        assert {token_count(one) for one in fetched_hls(rendered(theirs, carry, place), url)} == {0}


@pytest.mark.parametrize("carry", [Carry.QUERY, Carry.PATH_ROOTED])
@pytest.mark.parametrize("reference", ["..//live/1.ts", "/vod//live/1.ts", "a//b.ts"])
def test_a_path_with_an_empty_segment_gets_no_token(reference: str, carry: Carry) -> None:
    """Nothing is served there, and clients that leave the segment out would take the token to another mount."""
    assert TOKEN.encode() not in rendered(compile_playlist(playlist(reference)), carry)
