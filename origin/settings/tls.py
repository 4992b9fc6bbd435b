"""The tables about TLS on the public listener."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from origin.settings.table import Table
from origin.settings.values import File, RingName, Timeout, WholeNumber

ClientCertificates = Literal["off", "optional", "required"]
MAX_TICKETS = 8


class TlsCertificate(Table):
    """A certificate and its key, by a name for logs and metrics. Clients choose by host; the first is the default."""

    certificate: File = Field(description="PEM file of the certificate, followed by those of its issuers.")
    key: File = Field(description="PEM file of its private key: not encrypted, and closed to others.")


class Tls(Table):
    """TLS 1.2 and 1.3 on the public listener; without certificates it speaks plain HTTP. Files are read anew."""

    client_certificates: ClientCertificates = Field(
        "off", description="Whether clients are asked for a certificate; one that is shown has to be good."
    )
    client_ca: File | None = Field(
        None, description="PEM file of the authorities that client certificates lead to; no revocation lists are asked."
    )
    session_tickets: WholeNumber = Field(
        2,
        le=MAX_TICKETS,
        description="Tickets that a TLS 1.3 client gets to resume with; 0 gives none, not to TLS 1.2 either.",
    )
    handshake_seconds: Timeout = Field(10.0, description="How long a handshake may take.")
    certificates: Annotated[
        Mapping[RingName, TlsCertificate], AfterValidator(MappingProxyType), PlainSerializer(dict)
    ] = Field({}, validate_default=True, description="Certificates by name; the first is the default.")
