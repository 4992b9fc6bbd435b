"""Signed requests that were tampered with, over the wire: refused with a reason, or as good as before."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth import Denied, Reason, Request, Transport
from auth.gate import doors_of
from auth.scope import UnsafePath, normalise
from origin.media.target import Refusal
from origin.realms import realm_of
from tests.stories.dialect_table import CASES, NAMES, Setting
from tests.stories.gateway import Answer, Gateway
from tests.stories.test_dialects import HOST, guarded, signed

EXAMPLES = 40
# What the parser and the request line's rules say before anybody looks at a token.
BEFORE = {"request_malformed", "target_malformed"}
REASONS = {*map(str, Reason), *map(str, Refusal)} | BEFORE
SEPARATORS = {"query": "&", "cookie": "; ", "path": "/", "header": " "}
INSERTED = ["\x00", "\x01", "\x7f", "\t", "%00", "%0a", "%ff", "%", "\u00e9", "\xff", "=", "&", ";", "~", "'", "/", "."]


def mutations(text: str, transport: Transport) -> st.SearchStrategy[str]:
    """`text` altered in one place."""
    at = st.integers(0, max(len(text) - 1, 0))
    joint = SEPARATORS[transport]
    pieces = text.split(joint)
    return st.one_of(
        at.map(lambda i: text[:i] + chr(ord(text[i]) ^ 1) + text[i + 1 :]),
        at.map(lambda i: text[:i] + chr(ord(text[i]) ^ 32) + text[i + 1 :]),
        at.map(lambda i: text[:i]),
        at.map(lambda i: text[:i] + text[i + 1 :]),
        at.map(lambda i: text[: i + 1] + text[i:]),
        at.map(lambda i: text[:i] + f"%{ord(text[i]):02X}" + text[i + 1 :]),
        st.builds(lambda i, new: text[:i] + new + text[i:], at, st.sampled_from(INSERTED)),
        st.permutations(pieces).map(joint.join),
        st.just(text + joint + text),
        st.sampled_from(pieces).map(lambda piece: text + joint + piece),
        st.just(quote(text, safe="")),
    )


class Sent:
    """A request as it goes over the wire, in parts that can be altered."""

    def __init__(self, url: str, headers: tuple[tuple[str, str], ...], cookies: tuple[tuple[str, str], ...]) -> None:
        self.path, _, self.query = url.removeprefix(HOST).partition("?")
        self.headers = headers
        self.cookie = "; ".join(f"{name}={value}" for name, value in cookies)

    def part(self, transport: Transport) -> str:
        """What carries the token."""
        parts = {Transport.PATH: self.path.removeprefix("/"), Transport.QUERY: self.query}
        return parts.get(transport) or (self.headers[0][1] if transport is Transport.HEADER else self.cookie)

    def octets(self, transport: Transport, altered: str) -> bytes:
        """The request with that part in place of its own."""
        path, query, cookie = self.path, self.query, self.cookie
        headers = list(self.headers)
        match transport:
            case Transport.PATH:
                path = "/" + altered
            case Transport.QUERY:
                query = altered
            case Transport.HEADER:
                headers = [(headers[0][0], altered)]
            case Transport.COOKIE:
                cookie = altered
        lines = [f"GET {path}{'?' if query else ''}{query} HTTP/1.1", "Host: cdn.example"]
        lines += [f"{name}: {value}" for name, value in headers] + ([f"Cookie: {cookie}"] if cookie else [])
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def exchanged(gateway: Gateway, octets: bytes) -> Answer:
    async with gateway.wire() as wire:
        await wire.send(octets)
        return await wire.answer()


def seen(gateway: Gateway, octets: bytes) -> tuple[str, str] | None:
    """The token that the dialect finds and the path that is left, in one spelling; None for none."""
    first, *lines = octets.decode("utf-8", "surrogateescape").split("\r\n")
    path, _, query = first.removeprefix("GET ").removesuffix(" HTTP/1.1").partition("?")
    fields = [line.partition(": ")[::2] for line in lines if line]
    pairs = [
        pair.strip().partition("=")[::2] for name, value in fields if name == "Cookie" for pair in value.split(";")
    ]
    headers = tuple((name.lower(), value) for name, value in fields)
    request = Request("GET", "https", "cdn.example", path, query, headers, tuple(pairs))
    realm = realm_of(gateway.configured.mount[0])
    door = next(door for door in doors_of(realm) if not door.accepted.is_internal)
    try:
        found = door.dialect.locate(realm.as_seen(request), door.accepted.carriage, realm.prefix)
        return None if found is None else (found.token.reveal(), normalise(found.path))
    except (Denied, UnsafePath):
        return None


def problem_of(answer: Answer) -> str:
    return str(msgspec.json.decode(answer.body)["reason"])


async def check(gateway: Gateway, octets: bytes, original: bytes, secret: str) -> None:
    answer = await exchanged(gateway, octets)
    if answer.status == 200:
        assert seen(gateway, octets) == seen(gateway, original)
        return
    assert 400 <= answer.status < 500, answer
    assert problem_of(answer) in REASONS
    assert secret not in str(answer)


@pytest.mark.parametrize(("setting", "transport"), CASES, ids=NAMES)
async def test_whatever_is_altered_is_refused(
    setting: Setting, transport: Transport, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with guarded(tmp_path, setting, is_logged=True) as gateway:
        made = signed(gateway, setting, transport)
        sent = Sent(made.url, made.headers, made.cookies)
        part = sent.part(transport)
        original = sent.octets(transport, part)
        assert (await exchanged(gateway, original)).status == 200
        loop = asyncio.get_running_loop()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(mutations(part, transport))
        def tamper(altered: str) -> None:
            octets = sent.octets(transport, altered)
            asyncio.run_coroutine_threadsafe(check(gateway, octets, original, secret_of(part)), loop).result(30)

        await asyncio.to_thread(tamper)
    told = capfdbinary.readouterr().out
    # A path that was altered need not look like a token any more, so only what was let in is read there.
    lines = [line for line in told.splitlines() if b'"headgate.reason"' not in line or transport is not Transport.PATH]
    assert lines
    assert not [line for line in lines if secret_of(part).encode() in line]


def secret_of(part: str) -> str:
    """The longest word of what carries a token: its hash, signature or text."""
    return max(re.split(r"[&=;/~ ?.,!:_%]|(?<=%[0-9A-F]{2})", part), key=len)[-20:]
