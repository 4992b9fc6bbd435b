"""`headgate sign`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from auth import Algorithm, Gate, Grant, Reason, Request, Transport
from auth.algorithms import SIGNATURE_NAMES
from auth.keys import KeyRing
from origin.cli.sign import duration
from origin.keystore.file import read_ring, write_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from origin.settings import load
from tests.origin.cli.conftest import Console
from tests.stories.dialect_table import CASES, NAMES, SETTINGS, Setting, key_of, stranger_of

URL = "/vod/film/index.m3u8"
HOST = "https://cdn.example"


def admitted(site: Path, url: str, now: float | None = None) -> Grant:
    """What the gateway makes of a signed URL."""
    parts = urlsplit(url)
    request = Request("GET", "https", "cdn.example", parts.path, parts.query)
    gate = Gate(realm_of(load(site / "headgate.toml", {}).mount[0]))
    return gate.admit(request, read_ring(site / "keys.json")[0], time.time() if now is None else now)


def test_without_options_the_directory_is_covered_for_an_hour(site: Path, console: Console) -> None:
    before = int(time.time())
    said = console("sign", URL)
    claims = admitted(site, said.out.strip()).claims
    assert (said.code, said.err) == (0, "")
    assert claims.scope is not None
    assert [rule.pattern for rule in claims.scope.rules] == ["/vod/film/"]
    assert claims.expires is not None
    assert claims.issued_at is not None
    assert claims.expires == claims.issued_at + 3600
    assert claims.issued_at >= before
    assert (claims.issuer, claims.audience) == ("https://accounts.example", ("headgate",))
    assert claims.token_id
    assert (claims.methods, claims.networks, claims.subject) == (None, None, None)


def test_everything_that_can_be_said_is_said(site: Path, console: Console) -> None:
    said = console(
        *("sign", URL, "--ttl", "2d", "--exact", URL, "--prefix", "/vod/a/", "--prefix", "/vod/b/"),
        *("--glob", "/vod/*/x.ts", "--subject", "anna", "--audience", "other", "--network", "192.0.2.0/24"),
        *("--method", "GET", "--transport", "path", "--json"),
    )
    answer = json.loads(said.out)
    assert answer["url"].startswith("/vod/token=")
    assert answer["url"].endswith("/film/index.m3u8")
    spoken = console("verify", answer["url"], "--client", "192.0.2.7", "--explain")
    assert spoken.code == 0
    assert console("verify", answer["url"], "--client", "198.51.100.7").code == 1
    assert console("verify", answer["url"], "--client", "192.0.2.7", "--method", "DELETE").code == 1
    assert console("verify", answer["url"], "--client", "192.0.2.7", "--at", str(answer["expires_at"] + 10)).code == 1
    assert answer["expires_at"] >= time.time() + 2 * 86400 - 60
    for words in ("sub: anna", "aud: other", "/vod/a/", "/vod/b/", "/vod/*/x.ts"):
        assert words in spoken.out


@pytest.mark.parametrize("algorithm", [Algorithm(name) for name in sorted(SIGNATURE_NAMES)])
@pytest.mark.parametrize("transport", ["query", "path"])
def test_what_is_signed_verifies(site: Path, console: Console, algorithm: Algorithm, transport: str) -> None:
    (site / "keys.json").unlink()
    assert console("keys", "new", "keys.json", "--algorithm", algorithm).code == 0
    said = console("sign", f"https://cdn.example{URL}?quality=best#t=10", "--transport", transport)
    assert said.code == 0
    assert said.out.startswith("https://cdn.example/vod/")
    verified = console("verify", said.out.strip(), "--explain")
    assert verified.code == 0
    assert algorithm in verified.out


def test_a_cookie_or_a_header_is_printed_below_the_url(site: Path, console: Console) -> None:
    url, cookie = console("sign", URL, "--transport", "cookie").out.splitlines()
    assert url == URL
    assert console("verify", URL, "--cookie", cookie.removeprefix("Cookie: ")).code == 0
    url, header = console("sign", URL, "--transport", "header").out.splitlines()
    assert url == URL
    assert header.startswith("authorization: Bearer ey")
    assert console("verify", URL, "--header", header).code == 0
    answer = json.loads(console("sign", URL, "--transport", "cookie", "--json").out)
    assert set(answer) == {"url", "expires_at", "cookies"}
    assert set(answer["cookies"]) == {"token"}


@pytest.mark.parametrize("arguments", [["--cookie", "novalue"], ["--header", "novalue"], ["--cookie", "=x"]])
def test_what_is_no_pair_is_refused(console: Console, arguments: list[str]) -> None:
    assert console("verify", URL, *arguments).code == 2


@pytest.mark.parametrize("transport", ["query", "path"])
def test_a_token_that_the_url_had_is_replaced_and_covered_by_none(site: Path, console: Console, transport: str) -> None:
    once = console("sign", URL, "--transport", transport).out.strip()
    twice = console("sign", once, "--transport", transport).out.strip()
    grant = admitted(site, twice)
    assert grant.path == URL
    assert grant.claims.scope is not None
    assert [rule.pattern for rule in grant.claims.scope.rules] == ["/vod/film/"]
    assert twice.count("token=") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/elsewhere/x.ts"], "below no mount; there are: /vod, /open"),
        (["/open/x.ts"], "/open is open: its URLs need no token"),
        (["http://[/vod/x.ts"], "the URL cannot be understood"),
        ([""], "below no mount"),
        (["/vod"], "/vod is the mount itself"),
        (["/vod/a%2Fb"], "no encoded slash"),
        (["/vod/../x"], "no dot segments"),
        ([URL, "--prefix", "/vod/other/"], "would not cover the URL itself"),
        ([URL, "--prefix", "vod/film/"], "begins with a slash"),
        ([URL, "--ttl", "soon"], "a lifetime is"),
        ([URL, "--ttl", "0"], "a lifetime is"),
        ([URL, "--ttl", "-5"], "a lifetime is"),
        ([URL, "--network", "192.0.2.300"], "does not appear to be an IPv4 or IPv6 network"),
        ([URL, "--network", "192.0.2.7/24"], "has host bits set"),
        ([URL, "--method", "get"], "methods holds request methods in capitals"),
        ([URL, "--transport", "pigeon"], "'pigeon' is not one of"),
        ([URL, "--dialect", "cat"], "does not accept cat"),
        ([URL, "--audience", "nobody"], "audience_mismatch"),
        ([URL, "--issuer", "https://evil.example"], "issuer_mismatch"),
        ([URL, "--subject", ""], "sub is a printable string"),
        ([URL, "--config", "missing.toml"], "missing.toml: cannot be read"),
        ([URL, "--config", "media"], "media: cannot be read"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(console: Console, arguments: list[str], says: str) -> None:
    said = console("sign", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert says in said.err


def test_a_ring_that_only_verifies_cannot_sign(site: Path, console: Console) -> None:
    write_ring(site / "keys.json", type(read_ring(site / "keys.json")[0])([new_key(Algorithm.HS256, not_after=1.0)]))
    said = console("sign", URL)
    assert (said.code, said.out) == (2, "")
    assert "no key in force to sign with" in said.err


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("4h", 14_400), ("2d", 172_800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1w", "1.5h", "0", "00m", "1h30m", "-1", "٣", "1 h"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a lifetime is"):
        duration(text)


def configure(site: Path) -> None:
    """A mount for each row of the table, and a ring for each."""
    lines = ['[keyrings.sessions]\nfile = "keys.json"']
    for setting in SETTINGS:
        write_ring(site / f"{setting}.json", KeyRing([key_of(setting)]))
        lines += [f'[keyrings.{setting}]\nfile = "{setting}.json"']
    for setting in SETTINGS:
        lines += [_mount(setting)]
    (site / "headgate.toml").write_text("\n".join(lines))


def _mount(setting: Setting) -> str:
    options = "\n".join(f"{name} = {_toml(value)}" for name, value in setting.options.items())
    return f"""
[[mount]]
prefix = "/{setting}"
storage = "file:media"
access = "signed"
keys = "{setting}"
dialects = ["{setting.dialect}"]
[mount.session]
keys = "sessions"
[mount.tokens.{setting.dialect}.options]
{options}
"""


def _toml(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else f"'{value}'"


def signed(console: Console, setting: Setting, transport: Transport) -> tuple[str, ...]:
    """The arguments of `verify` for what `sign` says."""
    url = f"{HOST}/{setting}/film/index.m3u8"
    asked = ("--subject", setting.subject) if setting.subject else ()
    said = console("sign", url, "--dialect", setting.dialect, "--transport", transport, *asked)
    assert (said.code, said.err) == (0, "")
    first, *others = said.out.splitlines()
    more: list[str] = []
    for line in others:
        if line.startswith("Cookie: "):
            more += [part for cookie in line.removeprefix("Cookie: ").split("; ") for part in ("--cookie", cookie)]
        else:
            more += ["--header", line]
    return (first, *more)


@pytest.mark.parametrize(("setting", "transport"), CASES, ids=NAMES)
def test_what_is_signed_in_any_dialect_verifies(
    site: Path, console: Console, setting: Setting, transport: Transport
) -> None:
    configure(site)
    said = console("verify", *signed(console, setting, transport), "--explain")
    assert (said.code, said.err) == (0, "")
    assert setting.dialect in said.out


@pytest.mark.parametrize(("setting", "transport"), CASES, ids=NAMES)
def test_another_key_is_refused(site: Path, console: Console, setting: Setting, transport: Transport) -> None:
    configure(site)
    made = signed(console, setting, transport)
    write_ring(site / f"{setting}.json", KeyRing([stranger_of(setting)]))
    said = console("verify", *made, "--explain")
    assert said.code == 1
    assert Reason.BAD_SIGNATURE in said.out
