"""Keys and rings of keys. One key has one algorithm (RFC 8725 §3.1), and rotation is a change of data.

A ring is immutable: whoever refreshes keys builds another ring, and readers see the old one or the new one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from auth.algorithms import (
    AES_BYTES,
    CURVES,
    HASH_BYTES,
    SHARED_BYTES,
    Algorithm,
    Family,
    PrivateKey,
    PublicKey,
    family,
    same_algorithm,
)
from auth.errors import Misuse
from auth.secret import Secret

Material: TypeAlias = Secret | PrivateKey | PublicKey

KEY_ID = re.compile(r"[A-Za-z0-9._~:@+/=#-]{1,128}")
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # a larger modulus costs a viewer's request milliseconds
MAX_CANDIDATES = 4


class Use(StrEnum):
    """What a key is for (RFC 7517 §4.2)."""

    SIG = "sig"
    ENC = "enc"


class KeyState(StrEnum):
    """Where a key stands in its life."""

    NEXT = "next"  # does not sign yet; verifies as soon as it is in force
    ACTIVE = "active"  # may sign
    RETIRING = "retiring"  # signs no more, still verifies
    RETIRED = "retired"  # no longer in force


@dataclass(frozen=True, slots=True)
class Key:
    """One key. With a private key or a secret it signs and verifies, unless it is `verify_only`.

    It is in force from `not_before` to before `not_after`, and of that time it signs from `sign_from` to before
    `sign_until`: Unix seconds; None leaves that side open. A key whose signing ends where it begins never signs.
    `allow_weak` exists to replay published test vectors whose keys are too short, and for nothing else.
    """

    id: str
    algorithm: Algorithm
    material: Material = field(repr=False)
    verify_only: bool = False
    not_before: float | None = field(default=None, kw_only=True)
    not_after: float | None = field(default=None, kw_only=True)
    sign_from: float | None = field(default=None, kw_only=True)
    sign_until: float | None = field(default=None, kw_only=True)
    allow_weak: InitVar[bool] = field(default=False, kw_only=True)
    verifying: Secret | PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self, allow_weak: bool) -> None:
        if not KEY_ID.fullmatch(self.id):
            raise Misuse("a key id is 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + / = # -")
        _check_fit(self)
        if not allow_weak:
            _check_strength(self)
        if self.not_before is not None and self.not_after is not None and self.not_before >= self.not_after:
            raise Misuse(f"key {self.id}: not_after is not later than not_before")
        if self.sign_from is not None and self.sign_until is not None and self.sign_from > self.sign_until:
            raise Misuse(f"key {self.id}: sign_until is earlier than sign_from")
        object.__setattr__(self, "verifying", _verifying(self.material))

    @property
    def signing(self) -> Secret | PrivateKey | None:
        """What signs, or None when this key only verifies."""
        if self.verify_only or isinstance(self.material, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
            return None
        return self.material

    def accepts(self, algorithm_name: str) -> bool:
        """Whether a token that names this algorithm may be verified with this key."""
        return same_algorithm(algorithm_name, self.algorithm)

    def is_in_force(self, now: float, leeway: float = 0) -> bool:
        """Whether `now` lies in the key's validity, its end excluded; `leeway` seconds widen both sides."""
        begun = self.not_before is None or now >= self.not_before - leeway
        return begun and (self.not_after is None or now < self.not_after + leeway)

    @property
    def use(self) -> Use:
        """What the key's algorithm is for."""
        return Use.ENC if family(self.algorithm) is Family.AES else Use.SIG

    @property
    def may_sign(self) -> bool:
        """Whether it can sign and is meant to."""
        return self.signing is not None and self.use is Use.SIG

    @property
    def signs_since(self) -> float:
        """When its time to sign began or begins; 0 when that is open."""
        return max(self.not_before or 0, self.sign_from or 0)

    def state(self, now: float) -> KeyState:
        """Where the key stands at `now`, by its times alone; keys that only verify have the same states."""
        if self.not_after is not None and now >= self.not_after:
            return KeyState.RETIRED
        if now < self.signs_since:
            return KeyState.NEXT
        return KeyState.ACTIVE if self.sign_until is None or now < self.sign_until else KeyState.RETIRING


class KeyRing:
    """The keys of one trust domain, oldest first. Ids are unique; finding one costs the same at any size."""

    __slots__ = ("_by_id", "_lasting", "_signers", "keys")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        """Misuse when two keys share an id."""
        self.keys = tuple(keys)
        self._by_id = {key.id: key for key in self.keys}
        if len(self._by_id) != len(self.keys):
            raise Misuse("two keys of a ring have the same id")
        # Whatever the time is, a key past its end stands behind every key that is in force.
        self._lasting = tuple(sorted(self.keys, key=_end)[::-1])
        signers = (key for key in self.keys if key.may_sign)
        self._signers = tuple(sorted(signers, key=lambda key: key.signs_since)[::-1])

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(f'{key.id}:{key.algorithm}' for key in self.keys)})"

    def find(self, key_id: str) -> Key | None:
        """The key with that id."""
        return self._by_id.get(key_id)

    def candidates(self, algorithm_name: str) -> tuple[Key, ...]:
        """The few keys to try for a token without a key id: those of that algorithm that stay in force longest.

        Of keys that end together the newest comes first. A key past its end therefore never takes the place of one
        in force, though no clock is asked; whether the key that fits is in force is for the gate to say.
        """
        return tuple(islice((key for key in self._lasting if key.accepts(algorithm_name)), MAX_CANDIDATES))

    def signer(self, now: float, families: Container[Family] = frozenset(Family)) -> Key | None:
        """The key to sign with: of those of the families that may sign now, the one that began last.

        Of equals it is the ring's later one.
        """
        able = (key for key in self._signers if family(key.algorithm) in families)
        return next((key for key in able if key.state(now) is KeyState.ACTIVE), None)


# One ring for everything, or rings by name.
Rings: TypeAlias = KeyRing | Mapping[str, KeyRing]


def ring_of(rings: Rings, name: str) -> KeyRing:
    """The ring that a realm calls `name`; an empty one, which opens nothing, when there is none of that name."""
    return rings if isinstance(rings, KeyRing) else rings.get(name, _NO_KEYS)


def _end(key: Key) -> float:
    return math.inf if key.not_after is None else key.not_after


def _verifying(material: Material) -> Secret | PublicKey:
    if isinstance(material, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        return material.public_key()
    return material


def _check_fit(key: Key) -> None:
    fits: bool
    match family(key.algorithm):
        case Family.HMAC | Family.SHARED | Family.AES:
            fits = isinstance(key.material, Secret)
        case Family.RSA:
            fits = isinstance(key.material, RSAPrivateKey | RSAPublicKey)
        case Family.EC:
            fits = isinstance(key.material, EllipticCurvePrivateKey | EllipticCurvePublicKey) and isinstance(
                key.material.curve, CURVES[key.algorithm]
            )
        case Family.OKP:
            fits = isinstance(key.material, Ed25519PrivateKey | Ed25519PublicKey)
    if not fits:
        raise Misuse(f"key {key.id}: its material is not for {key.algorithm}")


def _check_strength(key: Key) -> None:
    """RFC 7518 §3.2 and §3.3: a MAC key as long as the hash, an RSA modulus of 2048 bits."""
    if isinstance(key.material, Secret):
        length, exact = len(key.material.reveal()), AES_BYTES.get(key.algorithm)
        if exact is not None and length != exact:
            raise Misuse(f"key {key.id}: {key.algorithm} needs exactly {exact} bytes")
        least = HASH_BYTES.get(key.algorithm, SHARED_BYTES)
        if length < least:
            raise Misuse(f"key {key.id}: {key.algorithm} needs at least {least} bytes")
    if isinstance(key.material, RSAPrivateKey | RSAPublicKey):
        bits = key.material.key_size
        if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
            raise Misuse(f"key {key.id}: an RSA modulus has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, not {bits}")


_NO_KEYS = KeyRing()
