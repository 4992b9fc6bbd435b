"""What a dialect is: the translation between one token format and the neutral claims."""

from __future__ import annotations

from typing import Protocol

from auth.carriage import Carriage, Found
from auth.claims import Claims
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Token


class Dialect(Protocol):
    """One token format: it finds, authenticates and translates. Whether a request may pass, others decide.

    A dialect has no state and knows no clock. A restriction that it cannot express in `Claims` it refuses
    with `Denied(UNSUPPORTED)`; it never drops one.
    """

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """This dialect's token on the request, or None. Denied(AMBIGUOUS) for more than one."""
        ...

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic token, `key_id` and `dialect` filled in; Denied for any other.

        A function of its arguments and nothing else: its result is remembered by `found.token` and
        `found.bound`.
        """
        ...

    def mint(self, claims: Claims, key: Key) -> Token:
        """A token that `verify` turns back into these claims. Misuse when the format cannot say them."""
        ...

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """What the token says of itself, verified or not, as (name, words); Denied if it is unreadable.

        Nothing that authenticates the token is among it.
        """
        ...
