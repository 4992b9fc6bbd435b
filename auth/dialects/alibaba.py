"""Alibaba Cloud's URL signing, types A, B, C and F: an MD5 over the path, a time and the secret.

    A        auth_key=<time>-<rand>-<uid>-<md5>
    B        /<YYYYMMDDHHMM at UTC+8>/<md5>/path
    C        /<md5>/<time in hexadecimal>/path
    C-query  KEY1=<md5>&KEY2=<time in hexadecimal>
    F        sign=<md5>&time=<time>

The time is the time of issue; how long a URL lives is not in it and has to be configured on both sides. The path is
hashed as it was sent. The query is not covered. A time has ten digits, or eight in hexadecimal: with more of them, the
end of a path could become its beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from auth import url_hash
from auth.carriage import Carriage
from auth.claims import Claims
from auth.errors import Denied, Misuse, Reason
from auth.options import Options, option
from auth.primitives import Hash, digest
from auth.request import Request
from auth.secret import Token
from auth.url_hash import OneText, TimedHash, TimedPair, octets

NAME = "alibaba"

_MAX_LIFE = 2**31
_CHINA = timezone(timedelta(hours=8))
_MINUTES = "%Y%m%d%H%M"
_HEX_TIME = re.compile(r"[1-9A-Fa-f][0-9A-Fa-f]{7}")
_A = re.compile(r"(?P<when>[0-9]{10}-[A-Za-z0-9]{1,64}-[A-Za-z0-9_]{1,64})-(?P<tag>[0-9a-f]{32})")
_B = re.compile(r"(?P<when>[0-9]{12})/(?P<tag>[0-9a-f]{32})")
_C = re.compile(r"(?P<tag>[0-9a-f]{32})/(?P<when>[0-9A-Fa-f]{8})")


class Type(StrEnum):
    """How a URL is signed."""

    A = "A"
    B = "B"
    C = "C"
    C_QUERY = "C-query"
    F = "F"


@dataclass(frozen=True, slots=True)
class AlibabaOptions(Options):
    """Options of `alibaba`."""

    type: Type = option(Type.A, "The type of URL signing.")
    lifetime: int = option(1800, "How many seconds after the time in it a URL ends, as configured for the CDN.")
    hexadecimal_time: bool = option(False, "Whether type F writes its time in hexadecimal.")


def alibaba(options: AlibabaOptions) -> TypeA | TypeB | TypeC | InParameters:
    """The dialect for these options. Misuse for a lifetime that is none."""
    if not 0 < options.lifetime <= _MAX_LIFE:
        raise Misuse("lifetime is a positive number of seconds")
    match options.type:
        case Type.A:
            return TypeA(options)
        case Type.B:
            return TypeB(options)
        case Type.C:
            return TypeC(options)
        case Type.C_QUERY | Type.F:
            return InParameters(options)


class _Signed(TimedHash):
    """What the types have in common: what is issued ends a configured time later."""

    name = NAME

    def __init__(self, options: AlibabaOptions) -> None:
        self.options = options

    def bound(self, request: Request) -> tuple[str, ...]:
        return (request.path, "")

    def issued(self, when: str) -> int:
        """The time of issue; Denied for a text that is none."""
        raise NotImplementedError

    def written(self, issued: int) -> str:
        """The inverse of `issued`."""
        raise NotImplementedError

    def claims(self, bound: tuple[str, ...], when: str, key_id: str) -> Claims:
        expires = self.issued(when) + self.options.lifetime
        return Claims(scope=url_hash.exact(bound[0]), expires=expires, key_id=key_id, dialect=NAME)

    def when(self, claims: Claims) -> str:
        issued = url_hash.whole("expires", claims.expires) - self.options.lifetime
        return self.written(url_hash.whole("the time of issue", issued))


class TypeA(_Signed, OneText):
    """Type A."""

    def parse(self, token: Token) -> tuple[str, str]:
        return _parts(_A, token)

    def compose(self, tag: str, when: str) -> Token:
        return Token(f"{when}-{tag}")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        return _md5(octets(bound[0], "-", when, "-") + secret)

    def issued(self, when: str) -> int:
        return url_hash.instant(when.partition("-")[0])

    def written(self, issued: int) -> str:
        return f"{issued}-0-0"


class TypeB(_Signed, OneText):
    """Type B."""

    segments = re.compile(_B.pattern + "/")

    def parse(self, token: Token) -> tuple[str, str]:
        return _parts(_B, token)

    def compose(self, tag: str, when: str) -> Token:
        return Token(f"{when}/{tag}")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        return _md5(secret + octets(when, bound[0]))

    def issued(self, when: str) -> int:
        try:
            return int(datetime.strptime(when, _MINUTES).replace(tzinfo=_CHINA).timestamp())
        except ValueError:
            raise Denied(Reason.MALFORMED, "a time of type B is YYYYMMDDHHMM") from None

    def written(self, issued: int) -> str:
        moment = datetime.fromtimestamp(issued, UTC).astimezone(_CHINA)
        return f"{moment.year:04}{moment:%m%d%H%M}"


class _Hexadecimal(_Signed):
    """A time in hexadecimal; ours are in capitals, as in the documentation."""

    def issued(self, when: str) -> int:
        if not _HEX_TIME.fullmatch(when):
            raise Denied(Reason.MALFORMED, "the time is hexadecimal Unix seconds")
        return int(when, 16)

    def written(self, issued: int) -> str:
        return f"{issued:08X}"


class TypeC(_Hexadecimal, OneText):
    """Type C in the path."""

    segments = re.compile(_C.pattern + "/")

    def parse(self, token: Token) -> tuple[str, str]:
        return _parts(_C, token)

    def compose(self, tag: str, when: str) -> Token:
        return Token(f"{tag}/{when}")

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        return _md5(secret + octets(bound[0], when))


class InParameters(_Hexadecimal, TimedPair):
    """Type C in the query, and type F."""

    shape = re.compile(r"[0-9a-f]{32}")

    def __init__(self, options: AlibabaOptions) -> None:
        super().__init__(options)
        self.is_f = options.type is Type.F
        self.time_name = "time" if self.is_f else "KEY2"

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        return ("sign" if self.is_f else "KEY1", self.time_name)

    def tag(self, secret: bytes, bound: tuple[str, ...], when: str) -> str:
        return _md5(secret + octets(bound[0], when))

    def issued(self, when: str) -> int:
        is_decimal = self.is_f and not self.options.hexadecimal_time
        return url_hash.instant(when) if is_decimal else super().issued(when)

    def written(self, issued: int) -> str:
        is_decimal = self.is_f and not self.options.hexadecimal_time
        return str(issued) if is_decimal else super().written(issued)


def _parts(shape: re.Pattern[str], token: Token) -> tuple[str, str]:
    found = shape.fullmatch(token.reveal())
    if found is None:
        raise Denied(Reason.MALFORMED, "the token is not of the type that is configured")
    return found["tag"], found["when"]


def _md5(message: bytes) -> str:
    return digest(message, Hash.MD5).hex()
