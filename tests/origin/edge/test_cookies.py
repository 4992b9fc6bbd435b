from __future__ import annotations

import pytest

from auth import Token
from origin.edge.cookies import token_cookie


@pytest.mark.parametrize(("expires", "lifetime"), [(None, None), (160.9, "60"), (100.0, "0"), (50.0, "0")])
def test_cookie(expires: float | None, lifetime: str | None) -> None:
    name, value = token_cookie("token", Token("a.b.c"), "/vod/film/", expires, now=100.0)
    assert name == "Set-Cookie"
    pair, *attributes = value.split("; ")
    assert pair == "token=a.b.c"
    found = dict(attribute.partition("=")[::2] for attribute in attributes)
    assert found.pop("Max-Age", None) == lifetime
    assert found == {"Path": "/vod/film/", "Secure": "", "HttpOnly": "", "SameSite": "None", "Partitioned": ""}
