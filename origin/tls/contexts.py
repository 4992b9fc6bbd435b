"""The one place that decides how TLS is spoken: versions, suites, protocols, tickets, client certificates.

Versions and suites are those of Mozilla's "intermediate" recommendation without its finite-field suites: TLS 1.3, and
1.2 with ephemeral keys and AEAD. Clients choose among them, for they know what their hardware is good at.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

SUITES = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
PROTOCOLS = ("http/1.1",)  # RFC 7301; for HTTP/2 and HTTP/3 a proxy stands in front


@dataclass(frozen=True, slots=True)
class Policy:
    """What all certificates of a listener have in common. `client_ca` is None while clients are asked for none."""

    client_ca: Path | None = None
    requires_certificate: bool = False
    tickets: int = 2


def server_context(certificate: Path, key: Path, policy: Policy) -> ssl.SSLContext:
    """A context that serves this pair. Raises `OSError` (`ssl.SSLError` is one) when the files do not serve for that.

    Tickets are sealed with a key of the context's own that nobody else knows: another context, in this process or
    another, answers them with a full handshake. So a client that an earlier policy let in is looked at anew.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.set_alpn_protocols(list(PROTOCOLS))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = policy.tickets
    if not policy.tickets:
        context.options |= ssl.OP_NO_TICKET  # TLS 1.2's
    context.load_cert_chain(certificate, key)
    if policy.client_ca is not None:
        context.load_verify_locations(policy.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if policy.requires_certificate else ssl.CERT_OPTIONAL
    return context
