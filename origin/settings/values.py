"""Types of single values: each parses what an operator writes and says what it wanted instead.

Messages never quote the value: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, WithJsonSchema

from cache.errors import BadRedisUrl
from cache.redis_url import parse_redis_url

_SIZE = re.compile(r"([0-9]{1,15})\s*([KMG]i?)?B?")
_UNITS = {None: 1, "K": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_AUTHORITY = re.compile(r"([a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
_PREFIX = re.compile(r"/|(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_BUCKET = re.compile(r"(?:s3|gs|az)://[a-z0-9][a-z0-9._-]{1,62}(?:/[A-Za-z0-9._~!$&'()*+,;=:@/-]*)?")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
_OWN_METHODS = {"GET", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FINGERPRINT = re.compile(r"sha256:[0-9A-Fa-f]{64}")
_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9*._~:/@-]{1,128}")
_SECRET = re.compile(r"[\x21-\x7e]{16,256}")


def _byte_count(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError('should be a number of bytes, or a size such as "64MiB"')
    return int(match[1]) * _UNITS[match[2]]


def _network(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('should be a network such as "10.0.0.0/8"')  # noqa: TRY004  # pydantic collects ValueError
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError('should be a network such as "10.0.0.0/8"') from None
    raise ValueError(f"has bits set beyond the prefix length: did you mean {network}?")


def _host(value: str) -> str:
    if _HOST_NAME.fullmatch(value):
        return value
    try:
        ip_address(value)
    except ValueError:
        raise ValueError("should be an IP address or a host name, without a port") from None
    return value


def _authority(value: str) -> str:
    if _AUTHORITY.fullmatch(value.lower()) is None:
        raise ValueError('should be a host with an optional port, such as "cdn.example:8443", without a scheme')
    return value.lower()


def _origin(value: str) -> str:
    scheme, separator, authority = value.lower().partition("://")
    if value == "*" or (separator and scheme.isalnum() and _AUTHORITY.fullmatch(authority)):
        return value.lower()
    raise ValueError('should be "*" or an origin such as "https://player.example", without a path')


def _public_url(value: str) -> str:
    scheme, separator, authority = value.lower().partition("://")
    if separator and scheme in {"http", "https"} and _AUTHORITY.fullmatch(authority.rstrip("/")):
        return f"{scheme}://{authority.rstrip('/')}"
    raise ValueError('should be a scheme and a host, such as "https://cdn.example", without a path')


def _prefix(value: str) -> str:
    if _PREFIX.fullmatch(value) is None:
        raise ValueError('should be a path such as "/vod": no slash at the end, only letters, digits and . _ ~ -')
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    if value.get_secret_value().endswith("://"):
        raise ValueError("should name a host, such as redis://redis.example:6379/0")
    try:
        parse_redis_url(value.get_secret_value(), None)
    except BadRedisUrl as error:
        raise ValueError(f"should be a URL such as redis://:password@redis.example:6379/0: {error}") from None
    return value


def _edge_secret(value: SecretStr) -> SecretStr:
    if _SECRET.fullmatch(value.get_secret_value()) is None:
        raise ValueError("should be 16 to 256 visible ASCII characters, without spaces")
    return value


def _certificate_name(value: str) -> str:
    is_fingerprint = value.lower().startswith("sha256:")
    if (_FINGERPRINT if is_fingerprint else _CERTIFICATE_NAME).fullmatch(value) is None:
        raise ValueError('should be a DNS name, a URI, or "sha256:" and 64 hexadecimal digits')
    return value


def _directory_of_the_file(info: ValidationInfo) -> Path:
    return info.context["base"] if info.context else Path.cwd()


def _file(value: Path, info: ValidationInfo) -> Path:
    return (_directory_of_the_file(info) / value).absolute()


def _storage(value: str, info: ValidationInfo) -> str:
    scheme, separator, rest = value.partition(":")
    match scheme if separator else "":
        case "file":
            return _file_url(value, _directory_of_the_file(info))
        case "http" | "https":
            return _upstream_url(value)
        case "s3" | "gs" | "az":
            return _bucket_url(value)
        case "memory" if not rest:
            return value
        case "memory":
            raise ValueError('should be "memory:" alone')
    raise ValueError('should be a file:, http:, https:, s3:, gs:, az: or memory: URL, such as "file:///srv/vod"')


def _bucket_url(value: str) -> str:
    if _BUCKET.fullmatch(value) is None:
        raise ValueError('should be a bucket and a prefix in it, such as "s3://media/vod"')
    return value


def _file_url(value: str, base: Path) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not a URL") from None
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"}:
        raise ValueError("names a host: write three slashes, such as file:///srv/vod")
    if parts.query or parts.fragment or not path or "\0" in path:
        raise ValueError('should be a directory, such as "file:///srv/vod" or "file:vod"')
    return (base / path).absolute().as_uri()


def _upstream_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        names_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("is not a URL") from None
    if not names_host:
        raise ValueError("should name a host, such as https://origin.example/media")
    if "@" in parts.netloc:
        raise ValueError("may not carry a user name or password")
    if parts.query or parts.fragment:
        raise ValueError("may not carry a query or a fragment")
    return value


def _unsafe_method(value: str) -> str:
    if _METHOD.fullmatch(value) is None or value in _OWN_METHODS:
        raise ValueError("should be a method in capitals, such as POST, other than those that are always understood")
    return value


def _upstream_origin(value: str) -> str:
    scheme, separator, authority = value.lower().partition("://")
    if separator and scheme in {"http", "https"} and _AUTHORITY.fullmatch(authority):
        return value.lower()
    raise ValueError('should be an origin such as "https://store.example", without a path')


def _http_url(value: str) -> str:
    if value.partition(":")[0] not in {"http", "https"}:
        raise ValueError("should be an http: or https: URL")
    return _upstream_url(value)


def _jwks_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        is_sound = bool(host) and parts.port != 0 and value.isascii() and value.isprintable() and " " not in value
    except ValueError:
        raise ValueError("is not a URL") from None
    if not is_sound or parts.scheme not in {"http", "https"}:
        raise ValueError("should be a URL such as https://issuer.example/.well-known/jwks.json")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("may not carry a user name, a password or a fragment")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("should be https: whoever can change the answer can sign")
    return value


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(value: str) -> str:
    if _VARIABLE.fullmatch(value) is None:
        raise ValueError("should be the name of an environment variable")
    if value.startswith("HEADGATE_"):
        raise ValueError("may not begin with HEADGATE_, which is for settings")
    return value


def _lifetime(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS
    if value == "immutable" or is_count:
        return value
    raise ValueError('should be "immutable" or a whole number of seconds, at least 0')


def _workers(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_WORKERS
    if value == "auto" or is_count:
        return value
    raise ValueError(f'should be "auto" or a whole number from 1 to {MAX_WORKERS}')


MAX_WORKERS = 256
MAX_SECONDS = 2**31 - 1  # the largest delta-seconds every cache understands (RFC 9111 §1.2.2)

Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
WholeNumber = Annotated[int, Field(strict=True, ge=0)]
Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Timeout = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
WholeSeconds = Annotated[int, Field(strict=True, ge=0, le=MAX_SECONDS)]
ByteCount = Annotated[
    int,
    BeforeValidator(_byte_count),
    Field(strict=True, ge=1),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE.pattern}]}),
]
Lifetime = Annotated[Literal["immutable"] | int, BeforeValidator(_lifetime)]
Workers = Annotated[Literal["auto"] | int, BeforeValidator(_workers)]
Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "format": "ipnetwork"}),
]
Host = Annotated[str, AfterValidator(_host)]
Authority = Annotated[str, AfterValidator(_authority)]
Origin = Annotated[str, AfterValidator(_origin)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Storage = Annotated[str, AfterValidator(_storage)]
UnsafeMethod = Annotated[str, AfterValidator(_unsafe_method)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
UpstreamUrl = Annotated[str, AfterValidator(_http_url)]
UpstreamOrigin = Annotated[str, AfterValidator(_upstream_origin)]
File = Annotated[Path, AfterValidator(_file)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
RedisKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
JwksUrl = Annotated[str, AfterValidator(_jwks_url)]
Variable = Annotated[str, AfterValidator(_variable)]
EdgeSecret = Annotated[SecretStr, AfterValidator(_edge_secret)]
SignedComponent = Annotated[
    str,
    Field(pattern=r"^(@(method|authority|scheme|path|query|request-target|target-uri)|[a-z0-9!#$%&'*+.^_`|~-]{1,64})$"),
]
CertificateName = Annotated[str, AfterValidator(_certificate_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
RingName = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]  # RFC 9110 §5.6.2
