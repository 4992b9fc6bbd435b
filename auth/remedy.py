"""What a token asks to be answered where it does not suffice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auth.errors import Denied, Reason


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


class Remedied(Denied):
    """A refusal for which the token itself says what to answer."""

    def __init__(self, denied: Denied, remedy: Remedy) -> None:
        """The same verdict, with a remedy that names its reason."""
        super().__init__(denied.reason, denied.detail)
        self.remedy = remedy
        self.dialect = denied.dialect


def remedied(denied: Denied, remedies: Iterable[Remedy]) -> Denied:
    """The refusal with the first of an authentic token's remedies for it; as it is where there is none.

    A remedy that wants another token minted is none here: nothing mints one. No remedy touches a refusal that may end
    by itself, because the store of what is remembered is away.
    """
    if denied.reason is Reason.STORE_UNAVAILABLE:
        return denied
    for remedy in remedies:
        if denied.reason in remedy.reasons and not remedy.claims_json:
            return Remedied(denied, remedy)
    return denied
