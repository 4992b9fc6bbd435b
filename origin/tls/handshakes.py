"""What comes of a handshake, in a few words that metrics can count."""

from __future__ import annotations

import ssl
from enum import StrEnum


class Handshake(StrEnum):
    """How a handshake ended."""

    FULL = "full"
    RESUMED = "resumed"
    TIMEOUT = "timeout"  # not over in time
    CLOSED = "closed"  # the client went away
    NOT_TLS = "not_tls"  # such as plain HTTP
    VERSION = "version"  # none in common
    CIPHER = "cipher"  # none in common
    CERTIFICATE_MISSING = "certificate_missing"  # the client's, where it is required
    CERTIFICATE_REFUSED = "certificate_refused"  # the client's: expired, of another authority, for another purpose
    REFUSED = "refused"  # by the client, which does not like our certificate, most often
    PROXY_HEADER = "proxy_header"  # none in front, or a malformed one, though it is a load balancer that connects
    CROWDED = "crowded"  # too many handshakes at once
    OTHER = "other"


# OpenSSL's words for what a client sent. Alerts that it sent itself are told by their name.
_REASONS = {
    "HTTP_REQUEST": Handshake.NOT_TLS,
    "HTTPS_PROXY_REQUEST": Handshake.NOT_TLS,
    "WRONG_VERSION_NUMBER": Handshake.NOT_TLS,
    "BAD_RECORD_TYPE": Handshake.NOT_TLS,
    "RECORD_LAYER_FAILURE": Handshake.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": Handshake.NOT_TLS,
    "UNSUPPORTED_PROTOCOL": Handshake.VERSION,
    "UNKNOWN_PROTOCOL": Handshake.VERSION,
    "VERSION_TOO_LOW": Handshake.VERSION,
    "NO_SHARED_CIPHER": Handshake.CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Handshake.CIPHER,
    "NO_SUITABLE_KEY_SHARE": Handshake.CIPHER,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Handshake.CERTIFICATE_MISSING,
    "CERTIFICATE_VERIFY_FAILED": Handshake.CERTIFICATE_REFUSED,
    "UNEXPECTED_EOF_WHILE_READING": Handshake.CLOSED,
}
_ALERT = "_ALERT_"


def failure_of(error: BaseException) -> Handshake:
    """What a handshake that ended in `error` is counted as, whichever event loop has raised it."""
    if isinstance(error, TimeoutError | ConnectionAbortedError):  # what loops raise when the time is over
        return Handshake.TIMEOUT
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError | ConnectionError):
        return Handshake.CLOSED
    if isinstance(error, ssl.SSLError):
        reason = str(getattr(error, "reason", None) or "").upper()
        return _REASONS.get(reason, Handshake.REFUSED if _ALERT in f"_{reason}_" else Handshake.OTHER)
    return Handshake.CLOSED if isinstance(error, OSError) else Handshake.OTHER
