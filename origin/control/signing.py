"""Signing and verifying for callers of the control API: a request of the schema in, an answer of the schema out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from auth import (
    Claims,
    Customs,
    Gate,
    Misuse,
    PathScope,
    Place,
    Request,
    Rings,
    Transport,
    Verdict,
    Wish,
    explain,
    fulfil,
)
from auth.rules.url import Url
from origin.control.schemas import Check, SignRequest, SignResult, VerifyRequest, VerifyResult
from origin.media.target import MountName, find_mount


class UnsignableError(Exception):
    """What was asked for cannot be signed or judged; the words are for the caller."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A signed mount as the control API sees it."""

    gate: Gate
    rings: Callable[[], Rings]
    issuer: str | None
    audience: tuple[str, ...]


class Signers:
    """The signed mounts by prefix."""

    def __init__(self, mounts: tuple[MountName, ...], signers: Mapping[str, Signer]) -> None:
        """`mounts` are all there are, the open ones too; `signers` by the prefix of a signed one."""
        self._mounts = mounts
        self._signers = dict(signers)

    def sign(self, asked: SignRequest, now: float) -> SignResult:
        """The signed URL. Raises `UnsignableError`."""
        expires = int(now) + asked.ttl
        try:
            signer = self._of(asked.url)
            wish = Wish(asked.url, replace(_claims(asked), expires=float(expires)), Transport(asked.transport))
            customs = Customs(secrets.token_urlsafe(9), signer.issuer, signer.audience)
            signed = fulfil(signer.gate, wish, customs, signer.rings(), now)
        except (Misuse, ValueError) as error:
            raise UnsignableError(str(error)) from None
        return SignResult(
            url=signed.url, expires_at=expires, cookies=dict(signed.cookies), headers=dict(signed.headers)
        )

    def verify(self, asked: VerifyRequest, now: float) -> VerifyResult:
        """Every check that the gateway would make. Raises `UnsignableError` where no mount is signed."""
        try:
            signer = self._of(asked.url)
            request = _request(asked)
        except (Misuse, ValueError) as error:
            raise UnsignableError(str(error)) from None
        checks = explain(request, signer.gate.realm, signer.rings(), now if asked.at is None else asked.at)
        shown = tuple(Check(check=one.name, verdict=one.verdict.value, words=one.words) for one in checks)
        return VerifyResult(ok=all(one.verdict is not Verdict.FAILED for one in checks), checks=shown)

    def _of(self, url: str) -> Signer:
        path = url.partition("?")[0] if url.startswith("/") else Url.parse(url).path
        name = find_mount(path, self._mounts)
        signer = None if name is None else self._signers.get(name.prefix)
        if signer is None:
            raise UnsignableError("the URL is below no signed mount")
        return signer


def _claims(asked: SignRequest) -> Claims:
    rules = (
        *(PathScope.exact(*asked.path).rules if asked.path else ()),
        *(PathScope.prefix(*asked.prefix).rules if asked.prefix else ()),
        *(PathScope.glob(*asked.glob).rules if asked.glob else ()),
    )
    return Claims(
        issuer=asked.issuer,
        subject=asked.subject,
        session_id=asked.session,
        audience=asked.audience,
        scope=PathScope(rules) if rules else None,
        methods=frozenset(asked.methods) or None,
        networks=tuple(ip_network(each) for each in asked.networks) or None,
        dialect=asked.dialect or "",
    )


def _request(asked: VerifyRequest) -> Request:
    absolute = Url.parse(asked.url if not asked.url.startswith("/") else f"https://localhost{asked.url}")
    return Request(
        asked.method,
        absolute.scheme,
        absolute.authority,
        absolute.path,
        absolute.query,
        headers=tuple((name.lower(), value) for name, value in asked.headers.items()),
        cookies=tuple(asked.cookies.items()),
        client=ip_address(asked.client) if asked.client else None,
        place=Place(country=asked.country),
    )
