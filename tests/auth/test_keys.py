"""Keys that cannot be misused, rings that rotate."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auth.algorithms import Algorithm
from auth.errors import Misuse
from auth.keys import MAX_CANDIDATES, Key, KeyRing, KeyState, Use
from auth.secret import Secret
from tests.auth.samples import HMAC_KEY, key_of


def hmac_key(name: str, **window: float | None) -> Key:
    return Key(name, Algorithm.HS256, Secret(name.encode() * 32), **window)  # type: ignore[arg-type]


@pytest.mark.parametrize(("algorithm", "least"), [(Algorithm.HS256, 32), (Algorithm.HS384, 48), (Algorithm.HS512, 64)])
def test_short_secrets_are_refused(algorithm: Algorithm, least: int) -> None:
    assert Key("k", algorithm, Secret(b"x" * least)).algorithm is algorithm
    with pytest.raises(Misuse, match=f"at least {least} bytes"):
        Key("k", algorithm, Secret(b"x" * (least - 1)))


def test_weak_keys_are_for_published_vectors() -> None:
    assert Key("k", Algorithm.HS256, Secret(b"short"), allow_weak=True).id == "k"


def test_small_rsa_is_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)
    with pytest.raises(Misuse, match="2048"):
        Key("k", Algorithm.RS256, small)
    with pytest.raises(Misuse, match="2048"):
        Key("k", Algorithm.PS256, small.public_key())


@pytest.mark.parametrize(
    ("algorithm", "other"),
    [
        (Algorithm.HS256, Algorithm.RS256),
        (Algorithm.RS256, Algorithm.HS256),
        (Algorithm.ES256, Algorithm.ES384),
        (Algorithm.EDDSA, Algorithm.ES256),
        (Algorithm.PS256, Algorithm.EDDSA),
    ],
)
def test_material_fits_its_algorithm(algorithm: Algorithm, other: Algorithm) -> None:
    with pytest.raises(Misuse, match="not for"):
        Key("k", algorithm, key_of(other).material)


def test_another_curve_is_refused() -> None:
    with pytest.raises(Misuse, match="not for ES256"):
        Key("k", Algorithm.ES256, ec.generate_private_key(ec.SECP256K1()))


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "x" * 129, 'a"', "a\\b", "\x00", "a%", "a;b"])
def test_key_ids_are_plain(name: str) -> None:
    with pytest.raises(Misuse, match="key id"):
        Key(name, Algorithm.HS256, HMAC_KEY.material)


def test_what_signs_and_what_verifies() -> None:
    private = key_of(Algorithm.ES256)
    assert private.signing is private.material
    public = Key("p", Algorithm.ES256, private.verifying)
    assert (public.signing, public.verifying) == (None, private.verifying)
    assert Key("v", Algorithm.HS256, HMAC_KEY.material, verify_only=True).signing is None


@pytest.mark.parametrize(
    ("now", "leeway", "in_force"),
    [
        (99, 0, False),
        (100, 0, True),
        (199.9, 0, True),
        (200, 0, False),
        (95, 5, True),
        (94, 5, False),
        (204, 5, True),
    ],
)
def test_a_key_is_in_force_from_begin_to_before_end(now: float, leeway: float, in_force: bool) -> None:
    assert hmac_key("k", not_before=100, not_after=200).is_in_force(now, leeway) is in_force


def test_a_window_has_a_length() -> None:
    with pytest.raises(Misuse, match="not_after"):
        hmac_key("k", not_before=100, not_after=100)


def test_signing_ends_no_earlier_than_it_begins() -> None:
    with pytest.raises(Misuse, match="sign_until"):
        hmac_key("k", sign_from=100, sign_until=99)
    never = hmac_key("k", sign_from=100, sign_until=100)
    assert KeyRing([never]).signer(100) is None


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (9, KeyState.NEXT),
        (10, KeyState.NEXT),
        (19.9, KeyState.NEXT),
        (20, KeyState.ACTIVE),
        (29.9, KeyState.ACTIVE),
        (30, KeyState.RETIRING),
        (39.9, KeyState.RETIRING),
        (40, KeyState.RETIRED),
    ],
)
def test_a_key_passes_through_its_states(now: float, state: KeyState) -> None:
    key = hmac_key("k", not_before=10, sign_from=20, sign_until=30, not_after=40)
    assert key.state(now) is state
    assert (KeyRing([key]).signer(now) is key) == (state is KeyState.ACTIVE)
    assert key.is_in_force(now) == (10 <= now < 40)


def test_open_times_are_always_active() -> None:
    assert hmac_key("k").state(0) is KeyState.ACTIVE
    assert hmac_key("k", not_before=5).state(4) is KeyState.NEXT
    assert hmac_key("k", not_before=5, sign_from=3).signs_since == 5


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_is_for_signing_or_for_encrypting(algorithm: Algorithm) -> None:
    assert key_of(algorithm).use is (Use.ENC if "GCM" in algorithm.value else Use.SIG)


def test_a_key_that_encrypts_never_signs() -> None:
    encrypting = key_of(Algorithm.A128GCM)
    assert KeyRing([hmac_key("k"), encrypting]).signer(0) == hmac_key("k")
    assert KeyRing([encrypting]).signer(0) is None


def test_ids_are_unique() -> None:
    with pytest.raises(Misuse, match="same id"):
        KeyRing([HMAC_KEY, HMAC_KEY])


def test_a_key_is_found_by_its_id() -> None:
    ring = KeyRing(hmac_key(f"k{n}") for n in range(100))
    found = ring.find("k77")
    assert found is not None
    assert found.id == "k77"
    assert ring.find("k100") is None
    assert KeyRing().find("k") is None


class Counted(str):
    """A key id that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("size", [1, 10, 100])
def test_finding_a_key_costs_the_same_at_any_size(size: int) -> None:
    ring = KeyRing(hmac_key(f"k{n}") for n in range(size))
    ring.find("k0")
    Counted.compared = 0
    for n in range(size):
        assert ring.find(Counted(f"k{n}")) is ring.keys[n]
    # One comparison for each find, and a few where two hashes are the same: nothing that grows with the ring.
    assert size <= Counted.compared <= 2 * size


def test_a_retired_key_does_not_hide_one_in_force() -> None:
    old = hmac_key("old")
    ended = [hmac_key(f"ended{n}", not_before=1, not_after=10 + n) for n in range(9)]
    ring = KeyRing([old, *ended])
    assert [key.id for key in ring.candidates("HS256")] == ["old", "ended8", "ended7", "ended6"]
    retiring = hmac_key("retiring", not_after=100)
    assert next(key.id for key in KeyRing([retiring, *ended]).candidates("HS256")) == "retiring"


def test_candidates_are_the_newest_few_of_the_algorithm() -> None:
    ring = KeyRing([*(hmac_key(f"k{n}") for n in range(9)), key_of(Algorithm.ES256)])
    assert [key.id for key in ring.candidates("HS256")] == ["k8", "k7", "k6", "k5"]
    assert len(ring.candidates("HS256")) == MAX_CANDIDATES
    assert [key.id for key in ring.candidates("ES256")] == ["ES256"]
    assert ring.candidates("none") == ()


def test_the_newest_key_in_force_signs() -> None:
    old = hmac_key("old", not_after=300)
    new = hmac_key("new", not_before=200)
    public = Key("public", Algorithm.ES256, key_of(Algorithm.ES256).verifying, not_before=250)
    for keys in ([old, new, public], [public, new, old]):
        ring = KeyRing(keys)
        assert ring.signer(100) is old
        assert ring.signer(199) is old
        assert ring.signer(200) is new
        assert ring.signer(400) is new
    assert KeyRing([old]).signer(300) is None
    assert KeyRing([public]).signer(300) is None
    assert KeyRing([hmac_key("a"), hmac_key("b")]).signer(0) == hmac_key("b")
    assert KeyRing([hmac_key("a"), key_of(Algorithm.A128GCM)]).signer(0) == hmac_key("a")


def test_reprs_show_names_only() -> None:
    ring = KeyRing([HMAC_KEY, key_of(Algorithm.ES256)])
    assert repr(ring) == "KeyRing(k1:HS256, ES256:ES256)"
    assert "0123456789abcdef" not in f"{ring.keys!r} {HMAC_KEY} {HMAC_KEY.material}"
