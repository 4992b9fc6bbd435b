"""What dialects do that hash a path with its expiry and a shared secret; the tests of each say the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")
FOR_FILM = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)


def weak(secret: bytes) -> KeyRing:
    """A ring for published vectors, whose secrets are short."""
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


@dataclass(frozen=True, slots=True)
class Signs:
    """A dialect by its name: what it signs, opens and refuses."""

    name: str
    claims: Claims = FOR_FILM

    def opened(
        self, request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/"
    ) -> Claims:
        """What the request's token says."""
        spec = DIALECTS[self.name]
        dialect = spec.make(options or spec.options())
        found = dialect.locate(request, spec.carriage, mount)
        assert found is not None
        return dialect.verify(found, ring)

    def refused(self, request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
        """Why it is refused."""
        with pytest.raises(Denied) as caught:
            self.opened(request, ring, options)
        return caught.value.reason

    def signed(self, claims: Claims | None = None, options: Options | None = None, url: Url = FILM) -> Request:
        """A client's request with a fresh token."""
        spec = DIALECTS[self.name]
        dialect = spec.make(options or spec.options())
        token = dialect.mint(claims or self.claims, KEY, url)
        transport = Transport.QUERY if Transport.QUERY in spec.carriage.transports else Transport.PATH
        parts = Url.parse(dialect.issue(url.text, token, spec.carriage, "/vod", transport).url)
        return Request("GET", "https", "cdn.example", parts.path, parts.query)


class TimedUrlContract(DialectContract):
    """Subclass as `Test…`, with `name`, and with `claims`, `timed` and `transports` where they are others."""

    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims: ClassVar[Claims] = FOR_FILM
    timed: ClassVar[Claims] = FOR_FILM  # what it says by default, with an end in a minute
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)

    @property
    def signs(self) -> Signs:
        """The dialect with its default options."""
        return Signs(self.name, self.timed)

    @pytest.mark.parametrize(("now", "is_open"), [(NOW + 59, True), (NOW + 59.999, True), (NOW + 60, False)])
    def test_at_its_end_it_is_over(self, now: float, is_open: bool) -> None:
        claims = self.signs.opened(self.signs.signed())
        objection = enforce(claims, Request("GET", "https", "h", FILM.path), Policy(), now)
        assert (objection is None) is is_open

    @pytest.mark.parametrize(
        "more",
        [
            {"expires": NOW + 0.5},
            {"expires": -1},
            {"scope": PathScope.prefix("/vod")},
            {"subject": "x"},
            {"not_before": NOW},
        ],
    )
    def test_what_a_token_cannot_say(self, more: dict[str, object]) -> None:
        spec = DIALECTS[self.name]
        claims = replace(self.signs.claims, **more)  # type: ignore[arg-type]
        for url in (FILM, None):
            with pytest.raises(Misuse):
                spec.make(spec.options()).mint(claims, KEY, url)

    def test_another_path_is_refused(self) -> None:
        request = self.signs.signed()
        assert self.signs.refused(replace(request, path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
        dotted = self.signs.refused(replace(request, path="/vod/film/../film/a.ts"))
        assert dotted in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}
