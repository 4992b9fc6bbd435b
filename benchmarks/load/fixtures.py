"""The files that every server serves, the tokens that some of them check, and a certificate."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auth import Claims, Gate, Key, KeyRing, PathScope, Realm
from benchmarks.load.library import write_library
from benchmarks.load.rows import PLAYLIST
from origin.keystore.file import read_ring

EXPIRES = 4_102_444_800  # 2100-01-01: no run outlives its tokens
SECURE_LINK_SECRET = "benchmark"
PLAYLIST_SEGMENTS = 40
FILES = {"200k.m4s": 200_000, "1m.m4s": 1_000_000, "4m.m4s": 4_000_000, "100m.mp4": 100_000_000}

Link = Callable[[int, str], str]  # (viewer, path below the site) to a request target


@dataclass(frozen=True, slots=True)
class Fixtures:
    """Where the files are and which key signs."""

    root: Path
    key: Key

    @property
    def site(self) -> Path:
        """The document root of servers that check nothing; what is served lies in its folder `vod`."""
        return self.root / "site"

    @property
    def media(self) -> Path:
        """What is served below `/vod`, and, where a server checks tokens, below `/open` without."""
        return self.site / "vod"

    @property
    def keys_file(self) -> Path:
        """Headgate's key set."""
        return self.root / "keys.json"

    @property
    def certificate(self) -> Path:
        """PEM, for 127.0.0.1."""
        return self.root / "certificate.pem"

    @property
    def private_key(self) -> Path:
        """PEM, of the certificate."""
        return self.root / "private-key.pem"


def make_fixtures(root: Path, *, with_library: bool) -> Fixtures:
    """Write everything below `root`."""
    media = root / "site" / "vod"
    media.mkdir(parents=True)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", '#EXT-X-MAP:URI="init.mp4"']
    for number in range(PLAYLIST_SEGMENTS):
        lines += ["#EXTINF:4.000,", f"seg{number:05d}.m4s"]
    (media / PLAYLIST).write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    for name, size in FILES.items():
        (media / name).write_bytes(os.urandom(size))
    if with_library:
        write_library(media)
    keys_file = root / "keys.json"
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    keys_file.write_text(json.dumps({"keys": [{"kty": "oct", "kid": "bench", "alg": "HS256", "use": "sig", "k": key}]}))
    keys_file.chmod(0o600)
    ring, _ = read_ring(keys_file)
    signer = ring.signer(time.time())
    if signer is None:
        raise RuntimeError("the benchmark's key is not in force")
    fixtures = Fixtures(root, signer)
    _write_certificate(fixtures)
    os.sync()  # what is still being written must not disturb the first rows
    return fixtures


def secure_link(viewer: int, path: str) -> str:
    """nginx `secure_link_md5 "$secure_link_expires$uri$arg_viewer secret"`: a link for each viewer and path."""
    text = f"{EXPIRES}/vod/{path}{viewer} {SECURE_LINK_SECRET}"
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    link = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"/vod/{path}?viewer={viewer}&md5={link}&expires={EXPIRES}"


def plain_link(viewer: int, path: str) -> str:
    """For servers that check nothing: a query of its own for each viewer."""
    return f"/vod/{path}?viewer={viewer}"


def open_link(_viewer: int, path: str) -> str:
    """The same file where a server that checks tokens asks for none."""
    return f"/open/{path}"


def token_link(key: Key) -> Link:
    """A token for each viewer, for everything below `/vod`, in Headgate's first dialect."""
    gate, ring = Gate(Realm("/vod")), KeyRing((key,))

    @cache
    def query(viewer: int) -> str:
        claims = Claims(subject=f"viewer-{viewer}", expires=EXPIRES, scope=PathScope.prefix("/vod"))
        return gate.sign("/vod/", claims, ring, now=0).partition("?")[2]

    return lambda viewer, path: f"/vod/{path}?{query(viewer)}"


def jwt_link(secret: str) -> Link:
    """A token for each viewer as others make it: HS256 over subject, expiry and a path prefix."""

    def encoded(value: object) -> str:
        text = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    @cache
    def token(viewer: int) -> str:
        text = f"{encoded({'alg': 'HS256'})}.{encoded({'sub': f'viewer-{viewer}', 'exp': EXPIRES, 'path': '/vod/'})}"
        signature = hmac.digest(secret.encode(), text.encode(), "sha256")
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    return lambda viewer, path: f"/vod/{path}?token={token(viewer)}"


def _write_certificate(fixtures: Fixtures) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    fixtures.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    fixtures.private_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    fixtures.private_key.chmod(0o600)
