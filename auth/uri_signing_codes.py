"""The three digits that RFC 9246 §6.4 gives to the outcome of a verification, for the log field `s-uri-signing`."""

from __future__ import annotations

from auth.errors import Denied, Reason

VERIFIED = "200"
NOT_PERFORMED = "000"

BY_REASON: dict[Reason, str] = {
    Reason.ABSENT: NOT_PERFORMED,
    Reason.AMBIGUOUS: "500",
    Reason.MALFORMED: "500",
    Reason.TOO_LARGE: "500",
    Reason.UNSUPPORTED: "409",
    Reason.UNKNOWN_KEY: "400",
    Reason.KEY_NOT_IN_FORCE: "400",
    Reason.WRONG_ALGORITHM: "400",
    Reason.BAD_SIGNATURE: "400",
    Reason.EXPIRED: "404",
    Reason.NOT_YET_VALID: "405",
    Reason.EXPIRY_MISSING: "404",
    Reason.TOO_LONG_LIVED: "404",
    Reason.WRONG_ISSUER: "401",
    Reason.WRONG_AUDIENCE: "403",
    Reason.SCOPE_MISSING: "411",
    Reason.OUT_OF_SCOPE: "411",
    Reason.WRONG_NETWORK: "410",
    Reason.REPLAYED: "407",
    Reason.SESSION_ENDED: "404",
    Reason.STORE_UNAVAILABLE: "407",
}
# A refusal that is about one claim names it first.
_BY_CLAIM = {
    "iss": "401",
    "sub": "402",
    "aud": "403",
    "exp": "404",
    "nbf": "405",
    "cdnistt": "406",
    "cdniets": "406",
    "jti": "407",
    "cdniv": "408",
    "cdnicrit": "409",
    "cdniip": "410",
    "cdniuc": "411",
}


def code_of(refusal: Denied | None) -> str:
    """The code of a refusal, or of none: verified. For a reason that the registry does not know: not performed."""
    if refusal is None:
        return VERIFIED
    claim = refusal.detail.partition(" ")[0].rstrip(":")
    return _BY_CLAIM.get(claim) or BY_REASON.get(refusal.reason, NOT_PERFORMED)
