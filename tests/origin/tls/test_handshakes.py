from __future__ import annotations

import ssl

import pytest

from origin.tls.handshakes import Handshake, failure_of


def said(reason: str, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    error = kind(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), Handshake.TIMEOUT),
        (ConnectionAbortedError("SSL handshake is taking longer than 1 seconds"), Handshake.TIMEOUT),
        (ConnectionResetError(), Handshake.CLOSED),
        (BrokenPipeError(), Handshake.CLOSED),
        (OSError(107, "not connected"), Handshake.CLOSED),
        (ssl.SSLEOFError(8, "EOF"), Handshake.CLOSED),
        (said("UNEXPECTED_EOF_WHILE_READING"), Handshake.CLOSED),
        (said("HTTP_REQUEST"), Handshake.NOT_TLS),
        (said("WRONG_VERSION_NUMBER"), Handshake.NOT_TLS),
        (said("UNSUPPORTED_PROTOCOL"), Handshake.VERSION),
        (said("no_shared_cipher"), Handshake.CIPHER),
        (said("PEER_DID_NOT_RETURN_A_CERTIFICATE"), Handshake.CERTIFICATE_MISSING),
        (said("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError), Handshake.CERTIFICATE_REFUSED),
        (said("TLSV1_ALERT_UNKNOWN_CA"), Handshake.REFUSED),
        (said("SSLV3_ALERT_BAD_CERTIFICATE"), Handshake.REFUSED),
        (said("LENGTH_MISMATCH"), Handshake.OTHER),
        (ssl.SSLError(1, "nothing known"), Handshake.OTHER),
        (ValueError(), Handshake.OTHER),
    ],
)
def test_failure_of(error: Exception, expected: Handshake) -> None:
    assert failure_of(error) is expected
