"""Text encodings, each with exactly one accepted spelling per value."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from binascii import a2b_base64

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
# Which characters a text may end with when it is two or three longer than a multiple of four: their unused bits are 0.
_LAST_OF = {2: "AQgw", 3: "AEIMQUYcgkosw048"}
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def base64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """Strict inverse of `base64url_encode`; ValueError for anything that it never produces.

    Refused: padding, whitespace, the other alphabet, impossible lengths, and unused bits that are not zero
    (RFC 4648 §3.5), so that a value has one spelling and a token cannot be rewritten without breaking it.
    """
    unused = len(text) % 4
    if not _BASE64URL.fullmatch(text) or unused == 1:
        raise ValueError("not base64url")
    if unused and text[-1] not in _LAST_OF[unused]:
        raise ValueError("not canonical base64url")
    return a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-unused % 4))


def base64url_padded(data: bytes) -> str:
    """Base64url with its padding (RFC 4648 §5)."""
    return urlsafe_b64encode(data).decode("ascii")


def base64url_padded_decode(text: str) -> bytes:
    """Strict inverse of `base64url_padded`; ValueError for anything that it never produces."""
    bare = text.rstrip("=")
    if len(text) % 4 or len(text) - len(bare) != -len(bare) % 4:
        raise ValueError("not padded base64url")
    return base64url_decode(bare)


def base64_encode(data: bytes) -> str:
    """Base64 with its padding (RFC 4648 §4)."""
    return b64encode(data).decode("ascii")


def base64_decode(text: str) -> bytes:
    """Strict inverse of `base64_encode`; ValueError for anything that it never produces."""
    if "-" in text or "_" in text:
        raise ValueError("not base64")
    return base64url_padded_decode(text.replace("+", "-").replace("/", "_"))


def hex_decode(text: str) -> bytes:
    """Octets written in lower-case hexadecimal, two digits each; ValueError for any other spelling."""
    if not _HEX.fullmatch(text):
        raise ValueError("not lower-case hexadecimal")
    return bytes.fromhex(text)


def percent_decode(text: str) -> str:
    """Percent-decoding (RFC 3986 §2.1) as UTF-8; ValueError for a broken escape or bytes that are not UTF-8.

    A "+" stays a "+": this is not form decoding.
    """
    if "%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        raise ValueError("broken percent-encoding")
    data = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode("ascii")), text.encode("utf-8"))
    return data.decode("utf-8")
