"""What a dialect is: the translation between one token format and the neutral claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from auth import carriage as rides
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.secret import Token


class Dialect(Protocol):
    """One token format: it finds, authenticates and translates. Whether a request may pass, others decide.

    A dialect knows its options and nothing else: no clock, no state. A restriction that it cannot express in `Claims`
    it refuses with `Denied(UNSUPPORTED)`; it never drops one.
    """

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """This dialect's token on the request, or None. Denied(AMBIGUOUS) for more than one.

        Everything that `verify` will look at is in the result: the token, and in `bound` what else was signed.
        """
        ...

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """Path and query without any token, everything else as it was."""
        ...

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic token, `key_id` and `dialect` filled in; Denied for any other.

        A function of `found.token`, `found.bound` and the ring, and nothing else: its result is remembered by them.
        """
        ...

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token that `verify` turns back into these claims. Misuse when the format cannot say them.

        `url` is what the token is for, without a token; a format that signs the URL itself needs it.
        """
        ...

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """`url` (absolute, or an absolute path) with `token` on it, or with what else to send. Misuse if it cannot."""
        ...

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """What the token says of itself, verified or not, as (name, words); Denied if it is unreadable.

        Nothing that authenticates the token is among it.
        """
        ...


class OneName:
    """How a token rides whose whole text goes by one name, in every transport: part of a dialect."""

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`; the token's shape is not looked at."""
        return rides.locate(request, carriage, mount)

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return rides.strip(path, query, carriage, mount)

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        return rides.issue(url, token, carriage, mount, transport)


class OneText(OneName):
    """As `OneName`, and what a token says is in its text alone: neither path nor address is needed to verify it."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of the registry: how a dialect is made, and how its tokens ride unless a mount says otherwise."""

    make: Callable[[Any], Dialect]  # takes an instance of `options`
    options: type[Options] = Options
    carriage: Carriage = field(default_factory=Carriage)
    is_for_urls: bool = False  # a token opens the one URL that it was made for: nothing else can be reached with it
    is_internal: bool = False  # not for a mount to name
    reads: frozenset[str] = frozenset()  # fixed names of further parameters of its tokens, beside the carriage's
