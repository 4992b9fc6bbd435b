"""Refusals in the words of RFC 9246 §6.4."""

from __future__ import annotations

import pytest

from auth.errors import Denied, Reason
from auth.uri_signing_codes import BY_REASON, code_of


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (None, "200"),
        (Denied(Reason.ABSENT), "000"),
        (Denied(Reason.BAD_SIGNATURE), "400"),
        (Denied(Reason.WRONG_ISSUER), "401"),
        (Denied(Reason.UNKNOWN_KEY, "sub: no key of the id"), "402"),
        (Denied(Reason.WRONG_AUDIENCE), "403"),
        (Denied(Reason.EXPIRED), "404"),
        (Denied(Reason.NOT_YET_VALID), "405"),
        (Denied(Reason.MALFORMED, "cdnistt and cdniets come together"), "406"),
        (Denied(Reason.REPLAYED), "407"),
        (Denied(Reason.UNSUPPORTED, "cdniv is 1"), "408"),
        (Denied(Reason.UNSUPPORTED, "cdnicrit lists an extension"), "409"),
        (Denied(Reason.WRONG_NETWORK), "410"),
        (Denied(Reason.OUT_OF_SCOPE), "411"),
        (Denied(Reason.MALFORMED), "500"),
        (Denied(Reason.TOO_MANY_STREAMS), "000"),
    ],
)
def test_codes(refusal: Denied | None, code: str) -> None:
    assert code_of(refusal) == code


def test_every_code_is_three_digits() -> None:
    assert all(len(code) == 3 and code.isdigit() for code in BY_REASON.values())
