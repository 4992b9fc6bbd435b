"""What an HTTP upstream is, as one value: where it is, what it may take, whom it may lead to."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from origin.upstream.addresses import Network, Reachable
from origin.upstream.health import HealthPolicy
from origin.upstream.origin_server import UpstreamError
from origin.upstream.outgoing import Additions
from origin.upstream.target import check_target

MAX_REQUEST_BYTES = 2**20

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]+\]")
_AUTHORITY = re.compile(rf"(?:{_HOST.pattern})(?::[0-9]{{1,5}})?")
_NO_BASE = "an upstream is http:// or https://, a host, and at most a port and a path"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Base:
    """Where requests go: everything before their target."""

    scheme: str
    authority: str  # "origin.example", "[2001:db8::1]:8080"; without the scheme's own port
    path: str = ""  # "/films", without a slash at its end

    @property
    def origin(self) -> str:
        """Scheme and authority, by which origins are compared."""
        return f"{self.scheme}://{self.authority}"

    @property
    def host(self) -> str:
        """The name or address, without port or brackets."""
        return urlsplit(self.origin).hostname or ""


def parse_base(text: str) -> Base:
    """A base of `scheme://host[:port][/path]`; ValueError, which does not repeat it, for anything else."""
    if not text.isascii() or not text.isprintable() or "?" in text or "#" in text:  # urlsplit would leave some out
        raise ValueError(_NO_BASE)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(_NO_BASE) from None
    if parts.scheme not in _PORTS or not _AUTHORITY.fullmatch(parts.netloc):
        raise ValueError(_NO_BASE)
    path = parts.path.rstrip("/")
    try:
        check_target(path or "/")
    except UpstreamError as error:
        raise ValueError(f"the path of an upstream is encoded and has no dot segments: {error}") from None
    host = (parts.netloc if port is None else parts.netloc.rpartition(":")[0]).lower()
    is_usual = port is None or port == _PORTS[parts.scheme]
    return Base(parts.scheme, host if is_usual else f"{host}:{port}", path)


@dataclass(frozen=True, slots=True)
class HttpOriginConfig:
    """An HTTP upstream. Seconds and bytes. Raises ValueError for what cannot work, naming what is wrong.

    A private address, and `localhost`, are reached only when their network is among `private_networks`.
    """

    bases: tuple[str, ...]  # several are asked in this order
    labels: tuple[str, ...] = ()  # of the bases, for metrics; by default their number
    connect_seconds: float = 3.0  # to find the address, connect, and agree on TLS; also to wait for a connection
    first_byte_seconds: float = 10.0  # from the end of the request, and from one byte of the header block to the next
    header_seconds: float = 30.0  # for all of that
    idle_seconds: float = 10.0  # between two pieces of a body
    max_response_bytes: int = 2**34
    max_header_bytes: int = 2**15
    max_fields: int = 128
    max_connections: int = 128
    redirect_origins: tuple[str, ...] = ()  # "https://media.example"; an upstream's own too, if it may redirect there
    max_redirects: int = 0  # 0: a redirection is an answer
    private_networks: tuple[Network, ...] = ()
    host: str | None = None  # the Host that is sent; by default that of the base
    retries: int = 1  # of GET and HEAD, once all bases have failed
    retry_seconds: float = 0.2  # before the first of them; then twice as long
    health: HealthPolicy = field(default_factory=HealthPolicy)
    additions: Additions = field(default_factory=Additions, repr=False)
    ca_file: Path | None = None  # whom to believe instead of the system's authorities
    client_certificate: Path | None = None  # PEM, with its chain
    client_key: Path | None = None

    def __post_init__(self) -> None:
        times = (self.connect_seconds, self.first_byte_seconds, self.header_seconds, self.idle_seconds)
        sizes = (self.max_response_bytes, self.max_header_bytes, self.max_fields, self.max_connections)
        if min(*times, *sizes) <= 0 or min(self.retries, self.retry_seconds, self.max_redirects) < 0:
            raise ValueError("time-outs and sizes are above zero, and retries and redirects are not below")
        if not self.bases or (self.labels and len(self.labels) != len(self.bases)):
            raise ValueError("there is one upstream at least, and a label for each if there are labels")
        if self.host is not None and not _AUTHORITY.fullmatch(self.host):
            raise ValueError("a Host is a name or an address, and at most a port")
        if any(base.path for base in map(parse_base, self.redirect_origins)):
            raise ValueError("redirects are allowed to whole origins, without a path")
        rule = Reachable(self.private_networks)
        for base in (*self.parsed_bases(), *map(parse_base, self.redirect_origins)):
            _check_reachable(base, rule)

    def parsed_bases(self) -> tuple[Base, ...]:
        """The bases, parsed."""
        return tuple(map(parse_base, self.bases))

    def label(self, index: int) -> str:
        """What the base is called in metrics."""
        return self.labels[index] if self.labels else str(index)

    def tls(self) -> ssl.SSLContext:
        """What to believe and show; reads the files, and raises OSError (ssl.SSLError is one) when it cannot."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self.client_certificate is not None:
            context.load_cert_chain(self.client_certificate, self.client_key)
        return context


def _check_reachable(base: Base, rule: Reachable) -> None:
    host = base.host.rstrip(".")
    is_local = host == "localhost" or host.endswith(".localhost")
    try:
        addresses = ["127.0.0.1", "::1"] if is_local else [str(ip_address(host))]
    except ValueError:
        return  # a name: judged by its addresses, when it is connected to
    if not any(map(rule.allows, addresses)):
        raise ValueError("a host that is not public: put its network among the private networks that may be reached")
