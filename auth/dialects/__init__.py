"""One file per token format: a new one is a file, a row here and a file of vectors; none imports another."""

from __future__ import annotations

from auth.dialects import jwt
from auth.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    jwt.NAME: jwt.Jwt(),
}
