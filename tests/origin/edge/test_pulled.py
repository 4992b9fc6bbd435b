"""What an upstream may know of a request, and what a viewer may know of an answer."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from auth import Accepted, Carriage, Gate, Policy, Realm, Transport
from origin.edge.admission import admit
from origin.edge.edge_proof import Trust
from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount
from origin.edge.pulled import answer_pulled, ask_for, asked_of, rule_for
from origin.edge.upstream import Upstream
from origin.http.fields import Fields, combined
from origin.media.kinds import Kind
from origin.media.target import parse_target
from origin.serving.inbound import Inbound
from origin.shield.asked import Asked
from origin.shield.places import Place
from origin.shield.shield import Rules, Shield
from origin.storage.memory import MemoryStore
from tests.edge_parts import EDGE, OPEN, VOD, inbound, open_mount, signed_mount, token
from tests.origin.shield.scenes import Scene, read, scene
from tests.scripted_origin import Answer

DATA = b"0123456789" * 100


def behind(it: Scene, mount: Mount, **more: object) -> Upstream:
    """What lies behind the mount: an HTTP origin, if nothing else is said."""
    rules = Rules(it.shield._policy, 4096)
    place = Place(mount.name.prefix, "https://origin.example")
    shield = Shield(it.pulls, it.shelf, place, rules, it.shield._judge, it.tally)
    upstream = Upstream(shield, is_http=True, keeps_query=True, own_fields=frozenset({"x-edge"}))
    return replace(upstream, **more)  # type: ignore[arg-type]


def asked(it: Scene, mount: Mount, request: Inbound, **more: object) -> Asked:
    """What the shield knows of the request."""
    admission = admit(mount, request, time.time())
    target = parse_target(admission.path, [OPEN, VOD])
    return asked_of(mount, behind(it, mount, **more), target, admission, request)


async def test_a_token_goes_nowhere(tmp_path: Path) -> None:
    secret = token()
    fields = (
        ("Authorization", f"Bearer {secret}"),
        ("Cookie", f"token={secret}"),
        ("Referer", f"https://x/?token={secret}"),
        ("X-Edge", "an-edge-secret-of-32-characters!"),
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("CMCD-Request", "nor=x"),
        ("Signature", "sig"),
        ("Accept-Language", "de"),
    )
    async with scene(tmp_path) as it:
        request = inbound("/vod/a/1.m4s", *fields, query=f"v=2&token={secret}&CMCD=br%3D1")
        got = asked(it, signed_mount(MemoryStore()), request)
        assert (got.url, got.target) == ("/vod/a/1.m4s?v=2", "/a/1.m4s?v=2")
        assert got.fields == (("Accept-Language", "de"),)


async def test_a_token_in_a_field_of_its_own_goes_nowhere(tmp_path: Path) -> None:
    carriage = Carriage("token", transports=frozenset({Transport.HEADER}), header="x-viewer-token")
    gate = Gate(Realm("/vod", (Accepted("jwt", carriage),), Policy()))
    async with scene(tmp_path) as it:
        mount = signed_mount(MemoryStore())
        assert mount.protection is not None
        mount = replace(mount, protection=replace(mount.protection, gate=gate))
        request = inbound("/vod/a/1.m4s", ("X-Viewer-Token", token()), ("Accept", "*/*"))
        assert asked(it, mount, request).fields == (("Accept", "*/*"),)


async def test_an_open_mount_passes_a_viewers_own_credentials_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        fields = (("Authorization", "Basic x"), ("Cookie", "a=b"))
        got = asked(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s", *fields, ("Referer", "x")))
        assert got.fields == fields


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/open/a/1.m4s", "/open/a/1.m4s"),
        ("/open/a/%31.m4s", "/open/a/1.m4s"),
        ("/open/a/x%20y%2b~.m4s", "/open/a/x%20y+~.m4s"),
        ("/open/a/%C3%BC.m4s", "/open/a/%C3%BC.m4s"),
        ("/open/a/%c3%bc.m4s", "/open/a/%C3%BC.m4s"),
        ("/open/a/100%25.m4s", "/open/a/100%25.m4s"),
    ],
)
async def test_one_object_has_one_spelling(tmp_path: Path, path: str, url: str) -> None:
    async with scene(tmp_path) as it:
        got = asked(it, open_mount(MemoryStore()), inbound(path))
        assert (got.url, got.target) == (url, url.removeprefix("/open"))
        assert ask_for("/open", behind(it, open_mount(MemoryStore())), CachePolicy(), "a/1.m4s").url == "/open/a/1.m4s"


async def test_a_query_stays_here_where_it_means_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        got = asked(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s", query="x=1"), keeps_query=False)
        assert got.url == "/open/a/1.m4s"


async def test_what_rules_say(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        tags = {"": ("all",), "a/": ("a",), "b/": ("b",)}
        got = asked(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s"), tags=tags, is_http=False)
        assert (got.tags, got.content_type) == (("all", "a"), "video/iso.segment")
        assert got.rule == rule_for(Kind.SEGMENT, CachePolicy())
        assert asked(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s")).rule is None


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Kind.KEY, "no-store"),
        (Kind.MPD, "max-age=1"),
        (Kind.OTHER, "max-age=1"),
        (Kind.SEGMENT, "public, immutable, max-age=31536000"),
    ],
)
def test_a_bucket_is_told_how_long_things_live(kind: Kind, rule: str) -> None:
    assert rule_for(kind, CachePolicy()) == rule


async def answered(it: Scene, mount: Mount, request: Inbound, is_edge: bool = False, **more: object) -> Fields:
    """The fields that a viewer, or an edge, is shown."""
    admission = admit(mount, request, time.time(), EDGE if is_edge else None)
    target = parse_target(admission.path, [OPEN, VOD])
    got = await answer_pulled(mount, behind(it, mount, **more), target, admission, request, it.clock())
    await read(got.reply)
    await it.settled()
    return got.reply.headers


def said(fields: Fields) -> tuple[str | None, str | None]:
    """What it says about how long it may be kept."""
    return combined(fields, "Cache-Control"), combined(fields, "CDN-Cache-Control")


IMMUTABLE = "immutable, max-age=31536000"


@pytest.mark.parametrize("upstream_says", ["max-age=5", "public, s-maxage=9", "private"])
async def test_what_a_signed_answer_says_is_said_here(tmp_path: Path, upstream_says: str) -> None:
    async with scene(tmp_path) as it:
        more = (("Expires", "0"), ("Pragma", "x"), ("Surrogate-Control", "max-age=9"), ("Set-Cookie", "a=b"))
        fields = (("Cache-Control", upstream_says), ("CDN-Cache-Control", "max-age=9"), *more)
        it.origin.put("/a/1.m4s", DATA, *fields)
        mount = signed_mount(MemoryStore(), trust=Trust.VERIFIES)
        request = inbound("/vod/a/1.m4s", query=f"token={token()}")
        viewer = await answered(it, mount, request)
        assert said(viewer) == (f"private, {IMMUTABLE}", None)
        assert not {name for name, _ in viewer} & {name for name, _ in more}
        edge = await answered(it, mount, request, is_edge=True)
        if upstream_says == "private":
            assert said(edge) == ("no-store", None)
        else:
            assert said(edge) == (f"private, {IMMUTABLE}", IMMUTABLE)


async def test_what_the_upstream_forbids_to_keep_is_kept_by_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a/1.m4s", DATA, ("Cache-Control", "No-Store"))
        request = inbound("/vod/a/1.m4s", query=f"token={token()}")
        assert said(await answered(it, signed_mount(MemoryStore()), request)) == ("no-store", None)


@pytest.mark.parametrize("status", [403, 404, 500, 302])
async def test_other_signed_answers_are_kept_by_nobody(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a/1.m4s"] = Answer(status, (("Cache-Control", "max-age=60"),), b"x")
        request = inbound("/vod/a/1.m4s", query=f"token={token()}")
        assert said(await answered(it, signed_mount(MemoryStore()), request)) == ("no-store", None)


async def test_an_open_answer_says_what_the_upstream_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a/1.m4s", DATA, ("Cache-Control", "max-age=7"), ("Access-Control-Allow-Origin", "https://x"))
        fields = await answered(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s"))
        assert said(fields) == ("max-age=7", None)
        assert combined(fields, "Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/1.m4s", (f"public, {IMMUTABLE}", IMMUTABLE)),
        ("a/k.key", ("no-store", None)),
        ("a/none.m4s", ("public, max-age=1", None)),
    ],
)
async def test_a_buckets_answer_says_what_the_mount_says(
    tmp_path: Path, name: str, expected: tuple[str | None, str | None]
) -> None:
    async with scene(tmp_path) as it:
        if "none" not in name:
            it.origin.put(f"/{name}", DATA)
        for _ in range(2):
            fields = await answered(it, open_mount(MemoryStore()), inbound(f"/open/{name}"), is_http=False)
            assert said(fields) == expected


async def test_a_bucket_that_says_something_itself_is_heard(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a/1.m4s", DATA, ("Cache-Control", "max-age=7"))
        fields = await answered(it, open_mount(MemoryStore()), inbound("/open/a/1.m4s"), is_http=False)
        assert said(fields) == ("max-age=7", None)
