"""Why a request may not have what it asks for."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Stable words: metric labels, log fields, and the `reason` of a problem document."""

    ABSENT = "token_absent"
    AMBIGUOUS = "token_ambiguous"  # more than one token, or one twice
    MALFORMED = "token_malformed"
    TOO_LARGE = "token_too_large"
    UNSUPPORTED = "token_unsupported"  # a restriction or header we know but cannot enforce, or a critical unknown
    UNKNOWN_KEY = "key_unknown"
    KEY_NOT_IN_FORCE = "key_not_in_force"
    WRONG_ALGORITHM = "algorithm_mismatch"  # the token names another algorithm than its key
    BAD_SIGNATURE = "signature_invalid"
    EXPIRED = "token_expired"
    NOT_YET_VALID = "token_not_yet_valid"
    EXPIRY_MISSING = "expiry_missing"
    TOO_LONG_LIVED = "lifetime_too_long"
    WRONG_ISSUER = "issuer_mismatch"
    WRONG_AUDIENCE = "audience_mismatch"
    SCOPE_MISSING = "scope_missing"
    OUT_OF_SCOPE = "path_out_of_scope"
    WRONG_METHOD = "method_not_allowed_by_token"
    WRONG_NETWORK = "client_network_mismatch"
    WRONG_PLACE = "client_place_mismatch"  # country, region, coordinates
    WRONG_HEADER = "header_mismatch"
    WRONG_TLS = "tls_mismatch"  # protocol, fingerprint or client key
    PROOF_INVALID = "proof_of_possession_invalid"
    REPLAYED = "token_replayed"
    REVOKED = "token_revoked"
    SESSION_ENDED = "session_ended"  # however often it was renewed
    TOO_MANY_STREAMS = "too_many_streams"
    STORE_UNAVAILABLE = "token_store_unavailable"  # what must be remembered of tokens cannot be


class Denied(Exception):  # noqa: N818  # "Denied(reason)" reads as the verdict it is
    """The verdict on a request. It never carries the token or a key, only a reason and harmless words."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """`detail` explains to the token's maker; it names claims and limits, never a value of it."""
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
        self.dialect = ""  # whose token it is about, once that is known


class Misuse(ValueError):  # noqa: N818
    """Our own side asks for something unsafe or meaningless: a weak key, a token without an end, a bad realm.

    The words are for operators and never carry a token or key material.
    """
