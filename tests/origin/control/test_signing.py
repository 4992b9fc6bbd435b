"""Signing and verifying by schema."""

from __future__ import annotations

import pytest

from auth import Gate, Realm
from origin.control.schemas import SignRequest, VerifyRequest
from origin.control.signing import Signer, Signers, UnsignableError
from origin.media.target import MountName
from tests.auth.samples import NOW, RING

SIGNER = Signer(Gate(Realm("/vod")), lambda: RING, None, ())
SIGNERS = Signers((MountName("/vod"), MountName("/open")), {"/vod": SIGNER})
URL = "https://cdn.example/vod/film/index.m3u8"


@pytest.mark.parametrize("transport", ["query", "path", "cookie", "header"])
def test_what_is_signed_verifies(transport: str) -> None:
    signed = SIGNERS.sign(SignRequest.model_validate({"url": URL, "transport": transport, "ttl": 60}), NOW)
    shown = VerifyRequest(url=signed.url, cookies=signed.cookies, headers=signed.headers)
    verdict = SIGNERS.verify(shown, NOW)
    assert verdict.ok
    assert signed.expires_at == NOW + 60
    assert not SIGNERS.verify(shown, NOW + 61).ok
    assert not SIGNERS.verify(VerifyRequest(url=URL), NOW).ok


def test_everything_that_is_asked_for_is_said() -> None:
    asked = SignRequest(
        url=URL,
        prefix=("/vod/film",),
        path=("/vod/x",),
        glob=("/vod/*/y",),
        subject="anna",
        session="s-1",
        networks=("192.0.2.0/24",),
        methods=("GET",),
    )
    url = SIGNERS.sign(asked, NOW).url
    assert SIGNERS.verify(VerifyRequest(url=url, client="192.0.2.1"), NOW).ok
    for other in (
        VerifyRequest(url=url, client="192.0.3.1"),
        VerifyRequest(url=url),
        VerifyRequest(url=url, client="192.0.2.1", method="PUT"),
        VerifyRequest(url=url, client="192.0.2.1", at=NOW + 4000),
    ):
        assert not SIGNERS.verify(other, NOW).ok


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"url": "/open/a"}, "below no signed mount"),
        ({"url": "/elsewhere"}, "below no signed mount"),
        ({"url": "nonsense"}, "absolute URL"),
        ({"url": URL, "networks": ["10.0.0.1/8"]}, "has host bits set"),
        ({"url": URL, "prefix": ["/vod/other"]}, "would not cover"),
        ({"url": URL, "dialect": "cat"}, "does not accept cat"),
    ],
)
def test_what_cannot_be_signed(asked: dict[str, object], says: str) -> None:
    with pytest.raises(UnsignableError, match=says):
        SIGNERS.sign(SignRequest.model_validate(asked), NOW)


@pytest.mark.parametrize("asked", [{"url": "/open/a"}, {"url": URL, "client": "nobody"}])
def test_what_cannot_be_judged(asked: dict[str, object]) -> None:
    with pytest.raises(UnsignableError):
        SIGNERS.verify(VerifyRequest.model_validate(asked), NOW)
