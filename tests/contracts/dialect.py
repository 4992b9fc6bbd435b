"""What every dialect must do, whatever its format; a dialect's tests subclass this and fill in its facts."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.carriage import Carriage, Found, Transport, attach
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Dialect
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Token

MOUNT = "/vod"

# Every dialect's class runs the inherited properties on tokens of its own, so their examples are not shared.
_per_dialect = settings(suppress_health_check=[HealthCheck.differing_executors], database=None)


class DialectContract:
    """Subclass as `Test…`. `claims` says everything that the format can say."""

    name: ClassVar[str]
    key: ClassVar[Key]
    other_key: ClassVar[Key]  # same id and algorithm, other material
    verify_only_key: ClassVar[Key]
    claims: ClassVar[Claims]
    carriage: ClassVar[Carriage] = Carriage()

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.name]

    def mint(self) -> Token:
        return self.dialect.mint(self.claims, self.key)

    def verify(self, text: str, ring: KeyRing) -> Claims:
        return self.dialect.verify(Found(Token(text), Transport.QUERY, "/vod/a", ""), ring)

    def test_what_is_minted_is_read_back(self) -> None:
        claims = self.verify(self.mint().reveal(), KeyRing([self.key]))
        said = {name: getattr(claims, name) for name in Claims.__slots__}
        meant = {name: getattr(self.claims, name) for name in Claims.__slots__}
        assert said == meant | {"dialect": self.name, "key_id": self.key.id}

    def test_it_is_located_where_it_was_attached(self) -> None:
        token = self.mint()
        path, _, query = attach("/vod/a.ts?x=1", token, self.carriage, MOUNT).partition("?")
        found = self.dialect.locate(Request("GET", "https", "h", path, query), self.carriage, MOUNT)
        assert found is not None
        assert (found.token, found.path, found.query) == (token, "/vod/a.ts", "x=1")

    def test_no_token_is_none(self) -> None:
        assert self.dialect.locate(Request("GET", "https", "h", "/vod/a"), self.carriage, MOUNT) is None

    def test_another_key_of_the_same_name_is_refused(self) -> None:
        with pytest.raises(Denied) as denied:
            self.verify(self.mint().reveal(), KeyRing([self.other_key]))
        assert denied.value.reason is Reason.BAD_SIGNATURE

    def test_an_empty_ring_knows_no_key(self) -> None:
        with pytest.raises(Denied) as denied:
            self.verify(self.mint().reveal(), KeyRing())
        assert denied.value.reason is Reason.UNKNOWN_KEY

    def test_a_verifying_key_does_not_mint(self) -> None:
        with pytest.raises(Misuse):
            self.dialect.mint(self.claims, self.verify_only_key)

    @_per_dialect
    @given(st.data())
    def test_an_altered_token_is_denied(self, data: st.DataObject) -> None:
        """Flip, cut or double any character, or insert any other: Denied and nothing else."""
        text = self.mint().reveal()
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
    @given(st.text() | st.text("ey.Jhbc-_0=", max_size=60))
    def test_any_text_is_denied(self, text: str) -> None:
        with pytest.raises(Denied):
            self.verify(text, KeyRing([self.key]))
        with pytest.raises(Denied):
            self.dialect.describe(Found(Token(text), Transport.QUERY, "/vod/a", ""))

    def test_a_description_has_nothing_to_replay(self) -> None:
        token = self.mint()
        words = str(self.dialect.describe(Found(token, Transport.QUERY, "/vod/a", "")))
        assert not any(part in words for part in (token.reveal(), token.reveal()[-20:]))
