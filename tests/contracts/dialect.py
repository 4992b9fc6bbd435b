"""What every dialect must do, whatever its format; a dialect's tests subclass this and fill in its facts."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Dialect
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.secret import Token

MOUNT = "/vod"

# Every dialect's class runs the inherited properties on tokens of its own, so their examples are not shared.
_per_dialect = settings(suppress_health_check=[HealthCheck.differing_executors], database=None)


def request_of(signed: Signed, method: str = "GET") -> Request:
    """The request that a client makes of what it was given."""
    parts = urlsplit(signed.url)
    headers = tuple((name.lower(), value) for name, value in signed.headers)
    return Request(method, "https", "cdn.example", parts.path, parts.query, headers, signed.cookies)


class DialectContract:
    """Subclass as `Test…`. `claims` says everything that the format can say of `url`."""

    name: ClassVar[str]
    key: ClassVar[Key]
    other_key: ClassVar[Key]  # same id and algorithm, other material
    verify_only_key: ClassVar[Key | None]  # None where keys are shared secrets, which always sign
    claims: ClassVar[Claims]
    url: ClassVar[str] = "https://cdn.example/vod/film/a.ts?x=1"
    options: ClassVar[Options | None] = None  # None: the dialect's defaults
    transports: ClassVar[tuple[Transport, ...]] = (
        Transport.PATH,
        Transport.QUERY,
        Transport.HEADER,
        Transport.COOKIE,
    )

    @property
    def dialect(self) -> Dialect:
        spec = DIALECTS[self.name]
        return spec.make(spec.options() if self.options is None else self.options)

    @property
    def carriage(self) -> Carriage:
        return replace(DIALECTS[self.name].carriage, transports=frozenset(self.transports))

    def mint(self) -> Token:
        return self.dialect.mint(self.claims, self.key, Url.parse(self.url))

    def found(self, transport: Transport | None = None) -> Found:
        """The minted token as it is located on a client's request."""
        chosen = transport or self.transports[0]
        signed = self.dialect.issue(self.url, self.mint(), self.carriage, MOUNT, chosen)
        found = self.dialect.locate(request_of(signed), self.carriage, MOUNT)
        assert found is not None
        assert found.transport is chosen
        return found

    def verify(self, text: str, ring: KeyRing) -> Claims:
        return self.dialect.verify(replace(self.found(), token=Token(text)), ring)

    def test_what_is_minted_is_read_back(self) -> None:
        claims = self.dialect.verify(self.found(), KeyRing([self.key]))
        said = {name: getattr(claims, name) for name in Claims.__slots__ if name != "extra"}
        meant = {name: getattr(self.claims, name) for name in Claims.__slots__ if name != "extra"}
        assert said == meant | {"dialect": self.name, "key_id": self.key.id}

    def test_it_is_located_by_every_transport(self) -> None:
        parts = urlsplit(self.url)
        for transport in self.transports:
            found = self.found(transport)
            assert (found.path, found.query) == (parts.path, parts.query)
            assert self.dialect.verify(found, KeyRing([self.key])).dialect == self.name

    def test_a_closed_transport_is_not_read(self) -> None:
        for transport in self.transports:
            signed = self.dialect.issue(self.url, self.mint(), self.carriage, MOUNT, transport)
            others = frozenset(Transport) - {transport}
            assert self.dialect.locate(request_of(signed), replace(self.carriage, transports=others), MOUNT) is None

    def test_it_is_taken_off_without_being_read(self) -> None:
        parts = urlsplit(self.url)
        for transport in self.transports:
            signed = urlsplit(self.dialect.issue(self.url, self.mint(), self.carriage, MOUNT, transport).url)
            bare = self.dialect.strip(signed.path, signed.query, self.carriage, MOUNT)
            assert bare == (parts.path, parts.query)

    def test_no_token_is_none(self) -> None:
        assert self.dialect.locate(Request("GET", "https", "h", "/vod/a", "x=1"), self.carriage, MOUNT) is None

    def test_another_key_of_the_same_name_is_refused(self) -> None:
        with pytest.raises(Denied) as denied:
            self.verify(self.found().token.reveal(), KeyRing([self.other_key]))
        assert denied.value.reason is Reason.BAD_SIGNATURE

    def test_an_empty_ring_knows_no_key(self) -> None:
        with pytest.raises(Denied) as denied:
            self.verify(self.found().token.reveal(), KeyRing())
        assert denied.value.reason is Reason.UNKNOWN_KEY

    def test_a_verifying_key_does_not_mint(self) -> None:
        if self.verify_only_key is not None:
            with pytest.raises(Misuse):
                self.dialect.mint(self.claims, self.verify_only_key, Url.parse(self.url))

    @_per_dialect
    @given(st.data())
    def test_an_altered_token_is_denied(self, data: st.DataObject) -> None:
        """Flip, cut or double any character, or insert any other: Denied and nothing else."""
        text = self.found().token.reveal()
        at = data.draw(st.integers(0, len(text) - 1))
        altered = data.draw(
            st.sampled_from(
                [
                    text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :],
                    text[:at] + chr(ord(text[at]) ^ 32) + text[at + 1 :],
                    text[:at] + text[at + 1 :],
                    text[:at],
                    text[at + 1 :],
                    text[: at + 1] + text[at:],
                    text[:at] + data.draw(st.characters()) + text[at:],
                    text + text[: at + 1],
                ]
            )
        )
        with pytest.raises(Denied) as denied:
            self.verify(altered, KeyRing([self.key]))
        assert text[-12:] not in str(denied.value)

    @_per_dialect
    @given(st.text() | st.text("ey.Jhbc-_0=", max_size=60) | st.text("&=~:;.exp1Sig", max_size=60))
    def test_any_text_is_denied(self, text: str) -> None:
        with pytest.raises(Denied):
            self.verify(text, KeyRing([self.key]))
        with pytest.raises(Denied):
            self.dialect.describe(replace(self.found(), token=Token(text)))

    def test_a_description_has_nothing_to_replay(self) -> None:
        found = self.found()
        words = str(self.dialect.describe(found))
        assert not any(part in words for part in (found.token.reveal(), found.token.reveal()[-20:]))
