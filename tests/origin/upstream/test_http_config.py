"""What an HTTP upstream may be configured to."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from origin.upstream.http_config import Base, HttpOriginConfig, parse_base
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.contracts.origin_server import whole
from tests.liar import Liar, response

GOOD = HttpOriginConfig(("https://origin.example",))


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://origin.example", Base("http", "origin.example")),
        ("HTTPS://Origin.Example:443/", Base("https", "origin.example")),
        ("http://origin.example:80", Base("http", "origin.example")),
        ("http://origin.example:443", Base("http", "origin.example:443")),
        ("https://a-b.example:8443/x%20y/z/", Base("https", "a-b.example:8443", "/x%20y/z")),
        ("http://8.8.8.8", Base("http", "8.8.8.8")),
        ("http://[2606:4700::1]:81/a", Base("http", "[2606:4700::1]:81", "/a")),
    ],
)
def test_bases(text: str, base: Base) -> None:
    assert parse_base(text) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin.example",
        "//origin.example",
        "ftp://origin.example",
        "file:///etc/passwd",
        "http://",
        "http:///a",
        "http://user@origin.example",
        "http://user:secret@origin.example",
        "http://origin.example?secret",
        "http://origin.example/#secret",
        "http://origin.example/a?",
        "http://origin.example/../a",
        "http://origin.example//a",
        "http://origin.example/a b",
        "http://origin.example:",
        "http://origin.example:x",
        "http://origin.example:99999",
        "http://origin example",
        "http://ö.example",
        "http://[::1",
        "http://[v1.a]",
        "http://-a.example",
        "http://origin.example\\a",
        "http://a.example,b.example",
        "http://a.exa\nmple",
        "ht\ttp://a.example",
    ],
)
def test_what_is_no_base(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_base(text)
    assert "secret" not in str(caught.value)


@given(st.text() | st.text("htps:/@.a1[]?#\\% "))
def test_a_base_is_a_base_or_a_value_error(text: str) -> None:
    try:
        base = parse_base(text)
    except ValueError:
        return
    assert parse_base(base.origin + base.path) == base


def test_the_host_of_a_base() -> None:
    assert [parse_base(each).host for each in ("http://a.example:81/b", "http://[2606:4700::1]:81")] == [
        "a.example",
        "2606:4700::1",
    ]


@pytest.mark.parametrize(
    "host", ["localhost", "films.localhost", "localhost.", "127.0.0.1", "[::1]", "10.0.0.7", "[::ffff:10.0.0.7]"]
)
def test_a_private_host_takes_its_network(host: str) -> None:
    networks = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")))
    for more in ({"bases": (f"http://{host}:81",)}, {"redirect_origins": (f"http://{host}:81",)}):
        with pytest.raises(ValueError, match="private networks"):
            replace(GOOD, **more)  # type: ignore[arg-type]
        replace(GOOD, private_networks=networks, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more",
    [
        {"bases": ()},
        {"bases": ("origin.example",)},
        {"labels": ("a", "b")},
        {"connect_seconds": 0},
        {"first_byte_seconds": -1},
        {"header_seconds": 0},
        {"idle_seconds": 0},
        {"max_response_bytes": 0},
        {"max_header_bytes": 0},
        {"max_fields": 0},
        {"max_connections": 0},
        {"max_redirects": -1},
        {"retries": -1},
        {"retry_seconds": -1},
        {"redirect_origins": ("https://a.example/path",)},
        {"redirect_origins": ("a.example",)},
        {"host": "a.example/b"},
        {"host": "a\r\nb"},
        {"host": ""},
    ],
    ids=str,
)
def test_what_cannot_work(more: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(GOOD, **more)  # type: ignore[arg-type]


def test_labels() -> None:
    two = replace(GOOD, bases=("https://a.example", "https://b.example"))
    assert [two.label(0), two.label(1)] == ["0", "1"]
    assert replace(two, labels=("near", "far")).label(1) == "far"


class Authority:
    """Who signs certificates for a test, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = folder / "authority.pem"
        own = self._certificate(self._name, self._key.public_key(), is_authority=True)
        self.file.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(self, name: str, *addresses: str) -> Path:
        """A file with a key and a certificate for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key.public_key(), *addresses)
        path = self._folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return path

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *addresses: str, is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        own = self._key.public_key()
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        if addresses:
            names = [x509.IPAddress(ip_address(each)) for each in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, SHA256())


async def pulled(liar: Liar, **more: object) -> bytes:
    config = HttpOriginConfig((liar.url.upper(),), private_networks=(ip_network("127.0.0.1"),), retries=0)
    origin = HttpOrigin(replace(config, **more))  # type: ignore[arg-type]
    try:
        return await whole(await origin.fetch(Outgoing("GET", "/a")))
    finally:
        await origin.close()


async def test_who_is_believed_and_what_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    serving.load_cert_chain(authority.issue("server", "127.0.0.1"))
    serving.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue("client")
    async with Liar(serving) as liar:
        liar.says(response(b"hello"))
        assert await pulled(liar, ca_file=authority.file, client_certificate=client) == b"hello"
        for more in ({"ca_file": authority.file}, {"client_certificate": client}):
            with pytest.raises(UpstreamError) as caught:
                await pulled(liar, **more)
            assert caught.value.trouble is Trouble.UNREACHABLE


async def test_a_certificate_is_for_the_host_that_is_connected_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(authority.issue("server", "127.0.0.2"))
    async with Liar(serving) as liar:
        liar.says(response(b"hello"))
        with pytest.raises(UpstreamError) as caught:
            await pulled(liar, ca_file=authority.file)
        assert caught.value.trouble is Trouble.UNREACHABLE
        assert liar.requests == []


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    for more in ({"ca_file": tmp_path / "none.pem"}, {"client_certificate": tmp_path / "empty.pem"}):
        with pytest.raises(OSError):
            replace(GOOD, **more).tls()  # type: ignore[arg-type]
