"""What a token asks of the viewer's TLS connection. A connection that nothing is known of satisfies none of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from auth.errors import Denied, Reason
from auth.primitives import same
from auth.request import Request
from auth.strict_json import JsonValue

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Protocols:
    """The application protocol (RFC 7301) is one of these. ValueError for none."""

    WORD: ClassVar[str] = "alpn"
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or not all(self.names):
            raise ValueError("protocols have names")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        is_met = request.tls is not None and request.tls.alpn in self.names
        return None if is_met else Denied(Reason.WRONG_TLS)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return list(self.names)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, list):
            raise ValueError("protocols are a list")  # noqa: TRY004
        names = tuple(item for item in value if isinstance(item, str))
        if len(names) != len(value):
            raise ValueError("a protocol is a string")
        return cls(names)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The client's certificate has the public key with this SHA-256, in hexadecimal. ValueError for another length."""

    WORD: ClassVar[str] = "tls-key"
    sha256: str

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.sha256)) != _KEY_BYTES or self.sha256 != self.sha256.lower():
            raise ValueError("a SHA-256 in lower-case hexadecimal")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        known = None if request.tls is None else request.tls.client_key
        is_met = known is not None and same(known, bytes.fromhex(self.sha256))
        return None if is_met else Denied(Reason.WRONG_TLS)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return self.sha256

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, str):
            raise ValueError("a key's hash is a string")  # noqa: TRY004
        return cls(value)


@dataclass(frozen=True, slots=True)
class TlsFingerprint:
    """The connection has this fingerprint, compared without regard to case. ValueError for an empty one."""

    WORD: ClassVar[str] = "tls-fingerprint"
    kind: str  # "ja4", as in `Tls.fingerprints`
    value: str

    def __post_init__(self) -> None:
        if not self.kind or not self.value:
            raise ValueError("a fingerprint has a kind and a value")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        known = () if request.tls is None else request.tls.fingerprints
        wanted = self.value.lower()
        is_met = any(kind == self.kind and value.lower() == wanted for kind, value in known)
        return None if is_met else Denied(Reason.WRONG_TLS)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [self.kind, self.value]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        match value:
            case [str() as kind, str() as wanted]:
                return cls(kind, wanted)
            case _:
                raise ValueError("a fingerprint is a kind and a value")
