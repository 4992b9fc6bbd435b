from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.media.kinds import Kind
from origin.media.target import (
    MAX_DEPTH,
    MAX_PATH_LENGTH,
    MAX_SEGMENT_LENGTH,
    MountName,
    Refusal,
    Refused,
    Target,
    find_mount,
    parse_target,
)

VOD = MountName("/vod")
MOUNTS = (VOD, MountName("/vod/premium"), MountName("/live", asset_depth=2), MountName("/ü x"))
WHOLE_SITE = (*MOUNTS, MountName("/"))


def refusal_of(raw_path: str, mounts: tuple[MountName, ...] = MOUNTS) -> Refusal:
    with pytest.raises(Refused) as caught:
        parse_target(raw_path, mounts)
    return caught.value.reason


def test_a_whole_target() -> None:
    assert parse_target("/vod/bbb/video/1.m4s", MOUNTS) == Target(
        mount="/vod", path="bbb/video/1.m4s", asset="bbb", kind=Kind.SEGMENT, content_type="video/iso.segment"
    )


@pytest.mark.parametrize(
    ("raw_path", "mount", "path"),
    [
        ("/vod/a.mpd", "/vod", "a.mpd"),
        ("/vod/premium/a.mpd", "/vod/premium", "a.mpd"),
        ("/vod/premium2/a.mpd", "/vod", "premium2/a.mpd"),
        ("/vod/%70remium/a.mpd", "/vod/premium", "a.mpd"),
        ("/%76%6Fd/a.mpd", "/vod", "a.mpd"),
        ("/%C3%BC%20x/a.mpd", "/ü x", "a.mpd"),
        ("/vod/a%20b/%C3%BC.mpd", "/vod", "a b/ü.mpd"),
        ("/vod/100%25.mpd", "/vod", "100%.mpd"),
        ("/vod/a%2520b", "/vod", "a%20b"),
        ("/vod/%252e%252e/a", "/vod", "%2e%2e/a"),
        ("/vod/%252e%252e%252fa", "/vod", "%2e%2e%2fa"),
        ("/vod/a..b/c...d", "/vod", "a..b/c...d"),
        ("/vod/a+b", "/vod", "a+b"),
        ("/vod/~a;b=c,d:e@f!$&'()*", "/vod", "~a;b=c,d:e@f!$&'()*"),
        ('/vod/[a]{b}|^`"<c>', "/vod", '[a]{b}|^`"<c>'),
        ("/vod/%3F%23%5B", "/vod", "?#["),
        ("/vod/%EF%BC%8E%EF%BC%8E/a", "/vod", "\uff0e\uff0e/a"),
        ("/vod/token=x/a", "/vod", "token=x/a"),
    ],
)
def test_mount_and_path(raw_path: str, mount: str, path: str) -> None:
    target = parse_target(raw_path, MOUNTS)
    assert (target.mount, target.path) == (mount, path)


@pytest.mark.parametrize(
    ("raw_path", "mount", "path"),
    [
        ("/a", "/", "a"),
        ("/vodx/a", "/", "vodx/a"),
        ("/VOD/a", "/", "VOD/a"),
        ("/%76od/a", "/vod", "a"),
        ("/etc/passwd", "/", "etc/passwd"),
    ],
)
def test_a_mount_for_everything_takes_what_no_other_does(raw_path: str, mount: str, path: str) -> None:
    target = parse_target(raw_path, WHOLE_SITE)
    assert (target.mount, target.path) == (mount, path)


def test_the_order_of_mounts_does_not_matter() -> None:
    for mounts in (WHOLE_SITE, WHOLE_SITE[::-1]):
        assert parse_target("/vod/premium/a", mounts).mount == "/vod/premium"


@pytest.mark.parametrize(
    ("depth", "path", "asset"),
    [
        (1, "bbb/video/1.m4s", "bbb"),
        (2, "bbb/video/1.m4s", "bbb/video"),
        (3, "bbb/video/1.m4s", "bbb/video"),
        (9, "bbb/video/1.m4s", "bbb/video"),
        (1, "bbb/1.m4s", "bbb"),
        (2, "bbb/1.m4s", "bbb"),
        (1, "1.m4s", ""),
        (0, "bbb/video/1.m4s", ""),
    ],
)
def test_asset(depth: int, path: str, asset: str) -> None:
    assert parse_target(f"/m/{path}", [MountName("/m", asset_depth=depth)]).asset == asset


BAD_ESCAPES = [
    "%",
    "%2",
    "%zz",
    "%%",
    "%%32e",
    "%u002e",
    "%U002E",
    "%-1",
    "%+1",
    "% 2",
    "%2\uff10",
    "%0x",
    "%2g",
]
BAD_UTF8 = [
    "%C0%AE%C0%AE",  # overlong dots
    "%C0%AF",  # overlong slashes, two to four bytes
    "%E0%80%AF",
    "%F0%80%80%AF",
    "%C1%9C",  # overlong backslash
    "%C0%80",  # overlong NUL
    "%E0%80%AE",
    "%ED%A0%80",  # a surrogate
    "%ED%B8%AE",
    "%F4%90%80%80",  # past the last code point
    "%FF%FE",
    "%80",
    "%C3",
    "%C3a",
    "%FC%80%80%80%80%AE",
]
SLASHES_AND_CONTROLS = [
    "%2F",
    "%2f",
    "a%2Fb",
    "..%2F..%2Fetc",
    "%2e%2e%2f",
    "%5C",
    "%5c..%5c",
    "\\",
    "..\\..",
    "%2e%2e%5c",
    "%00",
    "a%00.mpd",
    "..%00",
    "\0",
    "%0a",
    "%0D%0A",
    "%7F",
    "%1b%5B",
    "%C2%85",  # a C1 control
    "\x7f",
    "\n",
    "a b",
    "\t",
]
RAW_OTHERS = ["ü", "\uff0f", "\u2215", "\uff0e\uff0e", "\ud800", "\udcc0\udcae", "a?b", "a#b", "?", "#"]
DOTS = [".", "..", "%2e", "%2E", "%2e.", ".%2e", "%2e%2E", "%2E%2e"]


@pytest.mark.parametrize("segment", [*BAD_ESCAPES, *BAD_UTF8, *SLASHES_AND_CONTROLS, *RAW_OTHERS, *DOTS], ids=ascii)
def test_malformed_segments(segment: str) -> None:
    for where in ("/vod/{}", "/vod/{}/a", "/vod/a/{}/b", "/{}/vod/a", "/vod/a/{}/", "/vod/{}/{}/{}"):
        for mounts in (MOUNTS, WHOLE_SITE):
            assert refusal_of(where.replace("{}", segment), mounts) is Refusal.MALFORMED, where


@pytest.mark.parametrize(
    "raw_path",
    [
        "",
        "*",
        "vod/a",
        "?",
        "//",
        "///",
        "//vod/a",
        "/vod//a",
        "/vod/a//",
        "/vod//",
        "/vod//..//a",
        "http://host/vod/a",
        "//host/vod/a",
        "\\vod\\a",
        "/vod/../vod/a",
        "/vod/a/../../etc/passwd",
        "/../vod/a",
        "/vod/..",
        "/vod/a/..",
        "/vod/a/.",
        "/./vod/a",
        "/vod/%2e%2e/%2e%2e/etc/passwd",
        "/vod%2Fa",
        "/vod%2fpremium/a",
        "/vod/file:%2F%2F%2Fetc/passwd",
        "/vod/" + "a" * MAX_PATH_LENGTH,
        "/vod" + "/a" * MAX_DEPTH,
    ],
    ids=lambda raw_path: raw_path[:40],
)
def test_malformed_paths(raw_path: str) -> None:
    assert refusal_of(raw_path) is Refusal.MALFORMED
    assert refusal_of(raw_path, WHOLE_SITE) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "segment",
    [
        ".env",
        "%2eenv",
        ".git",
        "...",
        "....",
        "..;",
        "..%20",
        "..%3B",
        "..a",
        "%2e%2e%252f",
        "..%255c",
        ".%252e",
        "a.",
        "a%2e",
        "a..",
        "a%20",
        "%20a",
        "%20",
        "%C2%A0",
        "a%C2%A0",
        "a.%20",
        "%20..",
        "%E2%80%A8",
        "a" * (MAX_SEGMENT_LENGTH + 1),
        "%C3%BC" * (MAX_SEGMENT_LENGTH // 2 + 1),
    ],
    ids=lambda segment: segment[:20],
)
def test_hidden_and_odd_names_are_not_found(segment: str) -> None:
    for where in ("/vod/{}", "/vod/{}/a", "/vod/a/{}/b", "/{}/vod/a"):
        for mounts in (MOUNTS, WHOLE_SITE):
            assert refusal_of(where.replace("{}", segment), mounts) is Refusal.NOT_FOUND, where


@pytest.mark.parametrize("raw_path", ["/", "/vod", "/vod/", "/vod/premium", "/vod/a/", "/vodka/a", "/Vod/a", "/other"])
def test_no_mount_and_no_directory(raw_path: str) -> None:
    assert refusal_of(raw_path) is Refusal.NOT_FOUND


@pytest.mark.parametrize("raw_path", ["/", "/vod/", "/a/"])
def test_a_mount_for_everything_serves_no_directory(raw_path: str) -> None:
    assert refusal_of(raw_path, WHOLE_SITE) is Refusal.NOT_FOUND


def test_the_bounds_themselves_are_allowed() -> None:
    deepest = "/".join(["a"] * (MAX_DEPTH - 1))
    assert parse_target(f"/vod/{deepest}", MOUNTS).path == deepest
    assert parse_target("/vod/" + "a" * MAX_SEGMENT_LENGTH, MOUNTS).path == "a" * MAX_SEGMENT_LENGTH
    longest = ("/" + "a" * 254) * 16 + "/" + "a" * 15
    assert len(longest) == MAX_PATH_LENGTH
    assert parse_target(longest, WHOLE_SITE).path == longest[1:]


@pytest.mark.parametrize(
    ("raw_path", "mount"),
    [
        ("/vod", "/vod"),
        ("/vod/", "/vod"),
        ("/vod/token=" + "x" * 9000 + "/a.m3u8", "/vod"),
        ("/vod/premium/a", "/vod/premium"),
        ("/vod/premium2/a", "/vod"),
        ("/%76od/%70remium", "/vod/premium"),
        ("/%C3%BC%20x/a", "/ü x"),
        ("/vod/../live/a", "/vod"),
        ("/vod/%ff", "/vod"),
        ("/vod/\udcc3", "/vod"),
        ("", None),
        ("*", None),
        ("vod/a", None),
        ("/", None),
        ("//vod/a", None),
        ("/vodka/a", None),
        ("/%76%6Fd%2Fpremium/a", None),
        ("/%ff/a", None),
        ("/\udcc3/a", None),
        ("/%C3%BC\udcc3%20x/a", None),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_the_mount_of_a_path_that_may_carry_a_token(raw_path: str, mount: str | None) -> None:
    found = find_mount(raw_path, MOUNTS)
    assert (found and found.prefix) == mount


@given(st.text())
def test_the_mount_of_anything(raw_path: str) -> None:
    found = find_mount(raw_path, WHOLE_SITE)
    assert (found is not None) is raw_path.startswith("/")
    assert find_mount(raw_path, ()) is None


def test_refusals_never_carry_the_path() -> None:
    with pytest.raises(Refused) as caught:
        parse_target("/vod/token=secret/../a", MOUNTS)
    assert "secret" not in f"{caught.value} {caught.value.detail} {caught.value!r}"


@pytest.mark.parametrize(
    "prefix", ["", "vod", "/vod/", "//", "/a//b", "/..", "/a/../b", "/.hidden", "/a\\b", "/a\0", "/a.", "/ a"]
)
def test_prefixes_that_match_nothing(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        MountName(prefix)


def test_negative_asset_depth() -> None:
    with pytest.raises(ValueError):
        MountName("/vod", asset_depth=-1)


PIECES = st.sampled_from(
    [
        "/",
        "/vod",
        "..",
        ".",
        "%2e",
        "%2E",
        "%252e",
        "%2f",
        "%5c",
        "\\",
        "%00",
        "%",
        "%c0%ae",
        "a",
        ";",
        " ",
        "ü",
        "//",
    ]
)
RAW_PATHS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=15).map("".join).map(lambda rest: "/vod/" + rest),
    st.binary(max_size=30).map(lambda data: "/vod/" + quote(data, safe="")),
    st.binary(max_size=30).map(lambda data: "/vod/" + data.decode("ascii", "surrogateescape")),
)


@given(RAW_PATHS)
def test_nothing_ever_escapes(raw_path: str) -> None:
    try:
        target = parse_target(raw_path, WHOLE_SITE)
    except Refused:
        return
    found = find_mount(raw_path, WHOLE_SITE)
    assert found is not None
    assert found.prefix == target.mount
    segments = target.path.split("/")
    assert not {"", ".", ".."}.intersection(segments)
    assert not any(segment.startswith(".") for segment in segments)
    assert not any(character in "\\\0" or ord(character) < 32 for character in target.path)
    assert target.asset == "" or target.path.startswith(f"{target.asset}/")


NAMES = st.lists(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="/\\."),
        min_size=1,
        max_size=20,
    ),
    min_size=1,
    max_size=6,
)


@given(NAMES)
def test_what_is_encoded_once_is_decoded_once(names: list[str]) -> None:
    path = "/".join(names)
    assert parse_target("/vod/premium/" + quote(path), MOUNTS).path == path
