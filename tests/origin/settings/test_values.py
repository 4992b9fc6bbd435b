"""What each kind of value accepts, and what it says about the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from origin.settings import values

BASE = {"base": Path("/etc/headgate")}


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (values.ByteCount, 1, 1),
        (values.ByteCount, "64MiB", 64 * 1024 * 1024),
        (values.ByteCount, "2 GB", 2_000_000_000),
        (values.ByteCount, "12", 12),
        (values.ByteCount, "7B", 7),
        (values.Lifetime, "immutable", "immutable"),
        (values.Lifetime, 0, 0),
        (values.Host, "::1", "::1"),
        (values.Host, "redis-1.internal", "redis-1.internal"),
        (values.Authority, "CDN.example:8443", "cdn.example:8443"),
        (values.Authority, "[2001:db8::1]:80", "[2001:db8::1]:80"),
        (values.Origin, "*", "*"),
        (values.Origin, "https://Player.example", "https://player.example"),
        (values.Prefix, "/vod", "/vod"),
        (values.Prefix, "/live/eu", "/live/eu"),
        (values.Prefix, "/", "/"),
        (values.Storage, "s3://media/vod/films", "s3://media/vod/films"),
        (values.Storage, "az://media", "az://media"),
        (values.UpstreamUrl, "http://origin.example:81/media", "http://origin.example:81/media"),
        (values.UpstreamOrigin, "https://Store.example", "https://store.example"),
        (values.UnsafeMethod, "M-SEARCH", "M-SEARCH"),
        (values.Storage, "memory:", "memory:"),
        (values.Storage, "file:///srv/vod", "file:///srv/vod"),
        (values.Storage, "file://localhost/srv/vod", "file:///srv/vod"),
        (values.Storage, "file:vod", "file:///etc/headgate/vod"),
        (values.Storage, "file:///srv/my%20vod", "file:///srv/my%20vod"),
        (values.Storage, "https://origin.example:8443/media", "https://origin.example:8443/media"),
        (values.File, "keys.json", Path("/etc/headgate/keys.json")),
        (values.File, "/run/keys.json", Path("/run/keys.json")),
        (values.Seconds, 3, 3.0),
    ],
)
def test_accepts(kind: Any, written: object, meant: object) -> None:
    assert TypeAdapter(kind).validate_python(written, context=BASE) == meant


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (values.ByteCount, "64 MiBs"),
        (values.ByteCount, "-1"),
        (values.ByteCount, 0),
        (values.ByteCount, "0"),
        (values.ByteCount, True),
        (values.ByteCount, "9" * 5000),
        (values.Lifetime, "forever"),
        (values.Lifetime, -1),
        (values.Lifetime, True),
        (values.Lifetime, 2**31),
        (values.Network, "10.0.0.1/8"),
        (values.Network, "ten"),
        (values.Network, 10),
        (values.Host, ""),
        (values.Host, "host:80"),
        (values.Host, "a b"),
        (values.Authority, "https://cdn.example"),
        (values.Authority, "cdn.example/path"),
        (values.Authority, "user@cdn.example"),
        (values.Origin, "player.example"),
        (values.Origin, "https://player.example/"),
        (values.Origin, "https://"),
        (values.Origin, "null"),
        (values.Prefix, "vod"),
        (values.Prefix, "//"),
        (values.Prefix, "/vod/"),
        (values.Prefix, "/a//b"),
        (values.Prefix, "/../etc"),
        (values.Prefix, "/a b"),
        (values.Prefix, "/vod\n"),
        (values.Storage, "/srv/vod"),
        (values.Storage, "ftp://host/x"),
        (values.Storage, "file://host/x"),
        (values.Storage, "file:"),
        (values.Storage, "file:///srv?x"),
        (values.Storage, "file:///srv/%00"),
        (values.Storage, "file://[bad/x"),
        (values.Storage, "memory:x"),
        (values.Storage, "https://"),
        (values.Storage, "https://host:port/"),
        (values.Storage, "https://[bad/x"),
        (values.Storage, "https://me:secret@host/"),
        (values.Storage, "https://host/?sig=1"),
        (values.Storage, "s3://"),
        (values.Storage, "s3://Bucket"),
        (values.Storage, "s3://key:secret@bucket"),
        (values.Storage, "gs://bucket/a?b"),
        (values.UpstreamUrl, "s3://bucket"),
        (values.UpstreamUrl, "https://me:secret@host/"),
        (values.UpstreamOrigin, "https://host/path"),
        (values.UnsafeMethod, "post"),
        (values.UnsafeMethod, "PURGE"),
        (values.RedisUrl, "http://host"),
        (values.RedisUrl, "redis://"),
        (values.EdgeSecret, "short"),
        (values.SignedComponent, "@query-param"),
        (values.SignedComponent, "X-Upper"),
        (values.CertificateName, "sha256:abc"),
        (values.CertificateName, "SHA256:" + "a" * 64),
        (values.CertificateName, "with space"),
        (values.CertificateName, ""),
        (values.EdgeSecret, "with a space inside"),
        (values.EdgeSecret, "x" * 257),
        (values.Seconds, "3"),
        (values.Seconds, float("nan")),
        (values.Seconds, float("inf")),
        (values.Timeout, 0),
        (values.Port, 65536),
        (values.Flag, "yes"),
        (values.Word, "a=b"),
        (values.Word, "a\n"),
        (values.RingName, "Main"),
        (values.RingName, "a__b"),
        (values.HeaderName, "X Edge"),
        (values.HeaderName, "X-Edge\n"),
    ],
)
def test_refuses(kind: Any, written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(written, context=BASE)


def test_a_network_with_host_bits_is_corrected() -> None:
    with pytest.raises(ValidationError, match=r"did you mean 10\.0\.0\.0/8\?"):
        TypeAdapter(values.Network).validate_python("10.1.2.3/8")


@given(st.integers(1, 10**15 - 1), st.sampled_from(["", "B", "K", "KB", "KiB", "Mi", "GB"]))
def test_a_size_is_its_number_times_its_unit(number: int, unit: str) -> None:
    factor = {"": 1, "K": 1000, "G": 10**9, "Ki": 1024, "Mi": 1024**2}[unit.removesuffix("B")]
    assert TypeAdapter(values.ByteCount).validate_python(f"{number}{unit}") == number * factor


@given(
    st.sampled_from([values.RedisUrl, values.EdgeSecret, values.Storage, values.Authority]),
    st.text(min_size=8),
)
def test_no_message_quotes_the_value(kind: Any, written: str) -> None:
    try:
        TypeAdapter(kind).validate_python(written, context=BASE)
    except ValidationError as error:
        details = error.errors(include_input=False, include_context=False, include_url=False)
        assert all(written not in detail["msg"] for detail in details)
