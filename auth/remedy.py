"""What a token asks to be answered where it does not suffice."""

from __future__ import annotations

from dataclasses import dataclass

from auth.errors import Reason


@dataclass(frozen=True, slots=True)
class Remedy:
    """For refusals with one of these reasons: another status, a place to go, perhaps with a token appended.

    All of it comes from an authentic token and is allow-listed all the same by whoever answers.
    """

    reasons: frozenset[Reason]
    status: int
    location: str = ""  # absolute URL; the token minted from `claims`, if any, is appended as it is
    claims_json: str = ""  # the claim set of the token to append, in the dialect's own JSON; empty: none
    key_id: str | None = None  # the key that mints it
