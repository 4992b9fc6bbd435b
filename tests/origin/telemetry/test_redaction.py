"""What may be written down."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.telemetry.redaction import REDACTED, redact_text, redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
OURS = redactor(frozenset({"tok", "viewer-pass"}), frozenset({"X-Headgate-Edge"}))


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/vod/a/index.m3u8", "/vod/a/index.m3u8"),
        ("/vod/a.m3u8?start=10&_HLS_msn=4", "/vod/a.m3u8?start=10&_HLS_msn=4"),
        ("/vod/a%20b.m3u8?x=100%", "/vod/a%20b.m3u8?x=100%"),
        ("/vod/a.m3u8?tok=secret", "/vod/a.m3u8?tok=[redacted]"),
        ("/vod/a.m3u8?a=1&tok=secret&b=2", "/vod/a.m3u8?a=1&tok=[redacted]&b=2"),
        ("/vod/a.m3u8?TOK=secret", "/vod/a.m3u8?TOK=[redacted]"),
        ("/vod/a.m3u8?%74ok=secret", "/vod/a.m3u8?[redacted]"),
        ("/vod/a.m3u8?%2574ok=secret", "/vod/a.m3u8?[redacted]"),
        ("/vod/a.m3u8?tok%3Dsecret", "/vod/a.m3u8?[redacted]"),
        ("/vod/a.m3u8?a=1;tok=secret;b=2", "/vod/a.m3u8?a=[redacted]"),
        ("/vod/a.m3u8?next=%2Fb%3Ftok%3Dsecret", "/vod/a.m3u8?next=[redacted]"),
        ("/vod/tok=secret/a.m3u8", "/vod/tok=[redacted]/a.m3u8"),
        ("/vod/a;viewer-pass=secret/b.m3u8", "/vod/[redacted]/b.m3u8"),
        ("/a?hdnts=exp=1~acl=/*~hmac=secret", "/a?hdnts=[redacted]"),
        (
            "/a?Policy=secret&Signature=secret&Expires=9",
            "/a?Policy=[redacted]&Signature=[redacted]&Expires=9",
        ),
        (f"/vod/{JWT}/a.m3u8", "/vod/[redacted]/a.m3u8"),
        (f"/vod/%65{JWT[1:]}/a.m3u8", "/vod/[redacted]/a.m3u8"),
        (f"/a?x={JWT}", "/a?x=[redacted]"),
        ("http://me:secret@host/a", "http://[redacted]@host/a"),
        ("/a?mytok=1", "/a?mytok=1"),
        ("/a.ts?E=9&A=1&K=3&P=1&S=secret", "/a.ts?E=9&A=1&K=3&P=1&S=[redacted]"),
        ("/vod/film;urlsig=secret/a.ts", "/vod/[redacted]/a.ts"),
        ("/vod;URISigningPackage=secret/a.ts", "/[redacted]/a.ts"),
        ("/vod/4wiD7O-cnQeNoay5WxYfLA==,1795613755/film/a.ts", "/vod/[redacted]/film/a.ts"),
        ("/vod/4wiD7O-cnQeNoay5WxYfLA==/a.ts", "/vod/[redacted]/a.ts"),
        (f"/vod/203001011200/{'0af5' * 8}/film/a.ts", "/vod/[redacted]/film/a.ts"),
        (f"/vod/{'0af5' * 8}/6B0A1C2D/film/a.ts", "/vod/[redacted]/film/a.ts"),
        (f"/vod/{'0af5' * 8}/a.ts", f"/vod/{'0af5' * 8}/a.ts"),
        (f"/vod/HGs1{'aB3' * 20}/a.ts", "/vod/[redacted]/a.ts"),
        ("/a.ts?hcKlQAnNMwophhz4trjUxrpRUm6XNrBmrzvMzI6kc3M", "/a.ts?[redacted]"),
        ("/a.ts?hcKlQAnNMwophhz4trjUxrpRUm6XNrBmrzvMzI6kc3M&x=1", "/a.ts?[redacted]&x=1"),
        ("/a.ts?hcKlQAnNMwophhz4trjUxrpRUm6XNr=x", "/a.ts?[redacted]"),
        ("/a.ts?wowzatokenhas%68=x&other=Il7IZvb2VJQDTUCDcTt754x", "/a.ts?[redacted]&other=[redacted]"),
        ("/a.ts?other=a%2BpbD0jpKfXV53JZU31KjU%3D", "/a.ts?other=[redacted]"),
        ("/a.ts?title=the-longest-title-of-them-all", "/a.ts?title=the-longest-title-of-them-all"),
        ("/vod/URISigningPackage=secret/a.ts", "/vod/URISigningPackage=[redacted]/a.ts"),
    ],
)
def test_targets(target: str, shown: str) -> None:
    assert OURS.target(target) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer secret", REDACTED),
        ("Proxy-Authorization", "Basic secret", REDACTED),
        ("cookie", "a=secret; b=secret", REDACTED),
        ("x-headgate-edge", "secret", REDACTED),
        ("Referer", "https://a.example/p?tok=secret", "https://a.example/p?tok=[redacted]"),
        ("User-Agent", "player/1.0 (a=b)", "player/1.0 (a=b)"),
        ("X-Debug", f"got {JWT}!", "got [redacted]!"),
    ],
)
def test_headers(name: str, value: str, shown: str) -> None:
    assert OURS.header(name, value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing here", "nothing here"),
        ("eyJ is how they start", "eyJ is how they start"),
        (f"token {JWT} refused", "token [redacted] refused"),
        (JWT.rpartition(".")[0], REDACTED),
        (f"{JWT}.{JWT}", REDACTED),
        (JWT.replace(".", "%2E"), REDACTED),
    ],
)
def test_free_text(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def spelt(name: str, choices: list[int]) -> str:
    """`name` with each character as it is, percent-encoded, twice encoded, or in the other case."""
    spellings = (
        lambda c: c,
        lambda c: f"%{ord(c):02x}",
        lambda c: f"%{ord(c):02X}",
        lambda c: f"%25{ord(c):02x}",
        str.swapcase,
    )
    return "".join(spellings[choice](each) for each, choice in zip(name, choices, strict=True))


PLAIN = st.text(st.sampled_from("abcxyz0123456789-_=;&/?%#.@"), max_size=12)
SECRETS = st.text(st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"), min_size=12, max_size=24)


@given(
    st.sampled_from(["tok", "viewer-pass", "token"]).flatmap(
        lambda name: st.builds(
            spelt, st.just(name), st.lists(st.integers(0, 4), min_size=len(name), max_size=len(name))
        )
    ),
    st.sampled_from(["=", "%3D", "%3d", "%253D"]),
    SECRETS,
    PLAIN,
    PLAIN,
    st.sampled_from(["/p?{}", "/p?a=1&{}", "/p?{}&b=2", "/p?a=1;{}", "/{}/s.m4s", "/p;{}", "/p?u=%2Fq%3F{}", "/p#{}"]),
)
def test_a_token_never_survives(name: str, equals: str, secret: str, before: str, after: str, form: str) -> None:
    target = "/" + before + form.format(name + equals + secret) + after
    assert secret not in OURS.target(target)


@given(st.text(st.sampled_from("%25eyJ.AB/?&="), max_size=80), st.integers(0, 3))
def test_a_jwt_never_survives(noise: str, times: int) -> None:
    token = JWT
    for _ in range(times):
        token = quote(token, safe="").replace("e", "%65", 1)
    assert "c2lnbmF0dXJl" not in OURS.target(f"/vod/{noise}/{token}")
    assert "c2lnbmF0dXJl" not in OURS.target(f"/vod?{noise}&x={token}")


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(OURS.target(text), str)
    assert isinstance(OURS.header(text, text), str)


def test_session_tokens_are_masked_wherever_they_stand() -> None:
    token = "HGs1Amsx" + "a0nSAGtJ1FhrSgpAcwoKCgoKeyJvZi10"
    assert redact_text(f"seen {token}, twice {token}") == "seen [redacted], twice [redacted]"
    assert redact_text("HGs1 is how they begin") == "HGs1 is how they begin"
