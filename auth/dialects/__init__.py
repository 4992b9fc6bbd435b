"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.dialects import jwt, session
from auth.dialects.dialect import Dialect, Spec

__all__ = ["DIALECTS", "Dialect", "Spec"]

DIALECTS: dict[str, Spec] = {
    jwt.NAME: Spec(lambda _options: jwt.Jwt()),
    session.NAME: Spec(lambda _options: session.Session(), is_internal=True),
}
