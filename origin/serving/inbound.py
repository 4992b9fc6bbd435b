"""An aiohttp request → values, strictly, once.

What the parser lets through but no handler should meet is refused here: versions that are not ours, a body where
none belongs, a malformed authority.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import partial
from typing import Protocol

from aiohttp import ClientError, web
from multidict import CIMultiDictProxy

from auth.request import Place, Request
from origin.http.proxy_protocol import ProxyHeader
from origin.serving.edge_facts import NO_FACTS, EdgeFacts
from origin.serving.forwarded import Address, TrustedProxies, address_of

# RFC 3986 §3.2.2 as far as DNS goes; an empty port is allowed and means nothing (§3.2.3).
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # RFC 9110 §10.1.1
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_LENGTH = re.compile(r"[0-9]{1,9}")
_ABSOLUTE_FORM = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


class RefusedRequestError(Exception):
    """A request that is refused before anybody asks what it wants."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        """`reason` is a stable word; `detail` explains it without quoting the request."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail


class Received(Protocol):
    """As much of an aiohttp request as its reading takes."""

    @property
    def method(self) -> str:
        """The method, as received."""
        ...

    @property
    def version(self) -> tuple[int, int]:
        """Of HTTP."""
        ...

    @property
    def raw_path(self) -> str:
        """The request target, as received."""
        ...

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields."""
        ...

    @property
    def remote(self) -> str | None:
        """The peer's address."""
        ...

    @property
    def secure(self) -> bool:
        """Whether it came by TLS."""
        ...

    @property
    def protocol(self) -> object:
        """The connection, which may know what a load balancer said of it."""
        ...


def _nowhere(_client: Address) -> Place:
    return Place()


@dataclass(frozen=True, slots=True)
class Inbound:
    """One request as values: the facts a token is judged on, and its header fields.

    `place_of` says where another address would be that had sent the same fields.
    """

    facts: Request
    fields: CIMultiDictProxy[str]
    body: bytes = b""  # see `with_body`
    is_from_proxy: bool = False  # the peer is a proxy that is believed
    certificate: bytes | None = attribute(default=None, repr=False)  # the peer's, in DER, as TLS here has verified it
    place_of: Callable[[Address], Place] = attribute(default=_nowhere, repr=False)

    @property
    def method(self) -> str:
        """The method, upper case as received."""
        return self.facts.method

    def asked_for(self, client: Address) -> Inbound:
        """The same request, asked for a viewer at this address."""
        return replace(self, facts=replace(self.facts, client=client, place=self.place_of(client)))

    def field(self, name: str) -> str | None:
        """A header field's value; see `field_value`."""
        return field_value(self.fields, name)


def field_value(fields: CIMultiDictProxy[str], name: str) -> str | None:
    """The value of a header field; repeated fields are joined as RFC 9110 §5.2 says."""
    values = fields.getall(name, ())
    if not values:
        return None
    return values[0] if len(values) == 1 else ", ".join(values)


def read_request(
    request: Received,
    methods: frozenset[str],
    max_body: int,
    proxies: TrustedProxies,
    edge_facts: EdgeFacts = NO_FACTS,
) -> Inbound:
    """The request as values; raises `RefusedRequestError`. An unsafe one may have a body of up to `max_body` bytes."""
    headers = request.headers
    _check_framing(request, methods, max_body)
    own_tls = _own_tls(request.protocol)
    peer = client = address_of(request.remote or "")
    scheme = "https" if request.secure else "http"
    is_trusted = peer in proxies
    if is_trusted:
        client = proxies.client(peer, headers.getall("X-Forwarded-For", ()), headers.getall("Forwarded", ()))
        proto = headers.get("X-Forwarded-Proto", "").lower()
        scheme = proto if proto in {"http", "https"} else scheme
    authority, target = _split_target(request.raw_path, headers.get("Host", ""))
    path, _, query = target.partition("?")
    facts = Request(
        method=request.method,
        scheme=scheme,
        authority=authority,
        path=path,
        query=query,
        headers=tuple((name.lower(), value) for name, value in headers.items()),
        cookies=_cookies(headers.getall("Cookie", ())),
        client=client,
        place=edge_facts.place(headers, client, is_trusted=is_trusted),
        tls=edge_facts.tls(headers, _alpn(request.protocol, own_tls, is_trusted=is_trusted), is_trusted=is_trusted),
    )
    place_of = partial(edge_facts.place, headers, is_trusted=is_trusted)
    certificate = None if own_tls is None else own_tls.getpeercert(binary_form=True)
    return Inbound(facts, headers, is_from_proxy=is_trusted, certificate=certificate, place_of=place_of)


def _own_tls(connection: object) -> ssl.SSLObject | None:
    """The TLS of a connection where it ends here."""
    transport: asyncio.Transport | None = getattr(connection, "transport", None)
    return None if transport is None else transport.get_extra_info("ssl_object")


def _alpn(connection: object, own_tls: ssl.SSLObject | None, *, is_trusted: bool) -> str | None:
    """The protocol agreed on with the viewer, by a load balancer or here; what a proxy has agreed on is its own."""
    proxied: ProxyHeader | None = getattr(connection, "proxied", None)
    if proxied is not None and proxied.alpn is not None:
        return proxied.alpn
    return None if own_tls is None or is_trusted else own_tls.selected_alpn_protocol()


def _check_framing(request: Received, methods: frozenset[str], max_body: int) -> None:
    headers = request.headers
    if request.version not in {(1, 0), (1, 1)}:
        raise RefusedRequestError(505, "version_unsupported", "HTTP/1.1 or HTTP/1.0 is spoken here")
    if request.method not in methods:
        raise RefusedRequestError(405, "method_not_allowed", "the Allow field says which methods are")
    # A chunked request may carry trailers, which the parser would hand to the next request on the connection.
    takes_body = request.method not in _WITHOUT_BODY and max_body > 0
    if "Transfer-Encoding" in headers or (not takes_body and headers.get("Content-Length", "0") != "0"):
        detail = "a body comes with its length" if takes_body else "a request to this path has no body"
        raise RefusedRequestError(400, "body_not_allowed", detail)
    if takes_body:
        # Others than POST often come without a body and without saying so (RFC 9110 §8.6).
        _check_length(headers.get("Content-Length", None if request.method == "POST" else "0"), max_body)


def _check_length(given: str | None, max_body: int) -> None:
    if given is None:
        raise RefusedRequestError(411, "length_required", "a body comes with its length")
    if not _LENGTH.fullmatch(given) or int(given) > max_body:
        raise RefusedRequestError(413, "body_too_large", f"a body has at most {max_body} bytes")


async def with_body(request: web.BaseRequest, inbound: Inbound, seconds: float) -> Inbound:
    """`inbound` with the body that comes with it, whose length `read_request` has seen.

    Raises `RefusedRequestError` when it is not whole within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            if request.version >= (1, 1) and request.headers.get("Expect", "").lower() == "100-continue":
                await request.writer.write(_CONTINUE)
                request.writer.output_size = 0  # nothing of the answer itself has left yet
            body = await request.read()
    except TimeoutError:
        raise RefusedRequestError(408, "body_late", f"a body is whole within {seconds:g} seconds") from None
    except (OSError, ClientError, web.RequestPayloadError):
        raise RefusedRequestError(400, "body_incomplete", "the body ended early") from None
    return replace(inbound, body=body)


def _split_target(raw_target: str, host: str) -> tuple[str, str]:
    """(authority, origin-form); RFC 9112 §3.2: the absolute form's authority wins over Host."""
    target = raw_target
    if not target.startswith("/"):
        absolute = _ABSOLUTE_FORM.fullmatch(target)
        if absolute is None:
            raise RefusedRequestError(400, "target_malformed", "the request target is not a path")
        host, target = absolute[2], absolute[3] or "/"
        target = target if target.startswith("/") else f"/{target}"
        if not host:  # RFC 9110 §4.2.1
            raise RefusedRequestError(400, "authority_malformed", "the request target names no host")
    if host and _AUTHORITY.fullmatch(host) is None:
        raise RefusedRequestError(400, "authority_malformed", "the Host field is not an authority")
    if "#" in target:
        raise RefusedRequestError(400, "target_malformed", "a request target has no fragment")
    return host.lower().removesuffix(":"), target


def _cookies(fields: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Name-value pairs in order (RFC 6265 §4.2.1); pieces without "=" are dropped as browsers do."""
    pairs = []
    for field in fields:
        for piece in field.split(";"):
            name, equals, value = piece.strip().partition("=")
            if equals and name:
                pairs.append((name, value))
    return tuple(pairs)
