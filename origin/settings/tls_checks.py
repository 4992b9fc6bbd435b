"""Rules about TLS on the public listener. What is in the files is judged by whoever opens the listener."""

from __future__ import annotations

from collections.abc import Iterator

from origin.settings.problems import Finding, Problem
from origin.settings.tls import Tls

AT = "public.tls"


def tls_findings(tls: Tls) -> Iterator[Finding]:
    """What client certificates need."""
    asked = f"{AT}.client_certificates"
    if tls.client_certificates == "off":
        return
    if tls.client_ca is None:
        words = f'is required when client_certificates is "{tls.client_certificates}"'
        yield Finding(Problem(f"{AT}.client_ca", words, "name a file of authorities"), (asked,))
    if not tls.certificates:
        hint = f"add a table [{AT}.certificates.main]"
        yield Finding(Problem(asked, "has no effect without a certificate of its own", hint), (f"{AT}.certificates",))
