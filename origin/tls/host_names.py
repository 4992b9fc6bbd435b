"""Which of several certificates is for a host (RFC 9525 §6.3). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WILDCARD = "*."


def covers(presented: str, host: str) -> bool:
    """Whether a DNS name of a certificate is the host's, both in lower case and as they stand in DNS.

    A wildcard is the whole first label, and stands for exactly one.
    """
    if not presented.startswith(_WILDCARD):
        return presented == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == presented.removeprefix(_WILDCARD)


def chosen(names: Mapping[str, Sequence[str]], host: str | None) -> str:
    """The first certificate with the host's own name, else the first with a wildcard for it, else the first.

    `names` has each certificate's DNS names, in the order of declaration; there is at least one certificate.
    """
    if host is not None:
        exact = (one for one, presented in names.items() if host in presented)
        wild = (one for one, presented in names.items() if any(covers(name, host) for name in presented))
        return next(exact, None) or next(wild, None) or next(iter(names))
    return next(iter(names))
