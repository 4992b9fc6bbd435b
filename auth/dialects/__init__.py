"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.carriage import Carriage, Transport
from auth.dialects import jwt, secure_link
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    secure_link.NAME: Spec(
        secure_link.secure_link,
        secure_link.SecureLinkOptions,
        Carriage("md5", frozenset({Transport.PATH, Transport.QUERY, Transport.COOKIE})),
    ),
}
