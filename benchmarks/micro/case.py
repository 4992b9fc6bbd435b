"""What is timed for one token, and how a case is made of a realm, a key and claims."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from auth import DIALECTS, Accepted, Algorithm, Claims, Gate, Key, KeyRing, PathScope, Realm, Request, Secret
from auth.carriage import Found, Transport
from auth.enforce import judge_token
from auth.gate import doors_of
from auth.options import read_options
from auth.verified import VerifiedTokens
from benchmarks.micro.timing import Operation

NOW = 1_800_000_000.0
ORIGIN = "https://cdn.example"
PATH = "/vod/film/720p/segment-000123.m4s"
URL = ORIGIN + PATH
SECRET = bytes(range(32))
# About as long as what a token signs; the length hardly matters beside the signature.
MESSAGE = b"x" * 200

FOR_URL = Claims(expires=NOW + 3600, scope=PathScope.exact(PATH))
FOR_FOLDER = Claims(expires=NOW + 3600, scope=PathScope.prefix("/vod/film/"))


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed, for one token.

    `operations` are "verify" (a token that is seen for the first time, and its times judged), "again" (the same from
    memory), "admit" (the whole gate, from request to grant, when the token is remembered) and "mint", as far as there
    are any, and "bare": the signature or the hash alone. `peers` do what "verify" does, `minters` what "mint" does.
    """

    name: str
    operations: Mapping[str, Operation] = field(repr=False)
    peers: Mapping[str, Operation] = field(default_factory=dict, repr=False)
    minters: Mapping[str, Operation] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a token needs: the ring's last key signs."""

    accepted: Accepted
    key: Key
    claims: Claims
    others: int = 0  # how many other keys are in the ring

    @property
    def ring(self) -> KeyRing:
        """Other keys first, so that the one that signs is the one that began last."""
        others = [Key(f"other{number}", Algorithm.HS256, Secret(bytes(32))) for number in range(self.others)]
        return KeyRing([*others, self.key])


def of_gate(name: str, setting: Setting) -> Case:
    """A case without a peer; "bare" stands beside a key that has public and private parts."""
    accepted, ring, claims = setting.accepted, setting.ring, setting.claims
    realm = Realm("/vod", (accepted,))
    gate = Gate(realm)
    request = _signed_request(gate, setting, ring)
    found, verify = _located(realm, request, ring)
    memory = VerifiedTokens(1024)
    identity = (found.token.reveal(), found.bound)
    memory.put(identity, verify(), ring)

    def again() -> object:
        remembered = memory.get(identity, ring)
        return remembered is not None and judge_token(remembered, realm.policy, NOW)

    operations: dict[str, Operation] = {
        "verify": lambda: judge_token(verify(), realm.policy, NOW),
        "again": again,
        "admit": lambda: gate.admit(request, ring, NOW),
        "mint": lambda: gate.mint(claims, ring, NOW, URL),
    }
    bare = bare_signature(setting.key)
    return Case(name, operations if bare is None else operations | {"bare": bare})


def _signed_request(gate: Gate, setting: Setting, ring: KeyRing) -> Request:
    usual = (Transport.QUERY, Transport.PATH, Transport.HEADER, Transport.COOKIE)
    transport = next(one for one in usual if one in setting.accepted.carriage.transports)
    signed = gate.issue(URL, setting.claims, ring, NOW, transport)
    path, _, query = signed.url.removeprefix(ORIGIN).partition("?")
    headers = tuple((name.lower(), value) for name, value in signed.headers)
    return Request("GET", "https", "cdn.example", path, query, headers, signed.cookies)


def _located(realm: Realm, request: Request, ring: KeyRing) -> tuple[Found, Callable[[], Claims]]:
    door = doors_of(realm)[0]
    found = door.dialect.locate(request, door.accepted.carriage, realm.prefix)
    assert found is not None
    return found, lambda: door.dialect.verify(found, ring)


def bare_signature(key: Key) -> Operation | None:
    """The check of one signature by `cryptography` itself; None for a key that is a secret."""
    hashed = hashes.SHA256()
    match key.signing:
        case RSAPrivateKey() as private:
            signature, public = private.sign(MESSAGE, padding.PKCS1v15(), hashed), private.public_key()
            return lambda: public.verify(signature, MESSAGE, padding.PKCS1v15(), hashed)
        case EllipticCurvePrivateKey() as private:
            signature, point = private.sign(MESSAGE, ECDSA(hashed)), private.public_key()
            return lambda: point.verify(signature, MESSAGE, ECDSA(hashed))
        case Ed25519PrivateKey() as private:
            signature, octets = private.sign(MESSAGE), private.public_key()
            return lambda: octets.verify(signature, MESSAGE)
        case _:
            return None


def bare_mac(using: str) -> Operation:
    """One HMAC over a message of a token's size, and its comparison."""
    expected = hmac.digest(SECRET, MESSAGE, using)
    return lambda: hmac.compare_digest(hmac.digest(SECRET, MESSAGE, using), expected)


def shared_key(key_id: str = "k1", algorithm: Algorithm = Algorithm.SHARED) -> Key:
    """A key whose material is `SECRET`."""
    return Key(key_id, algorithm, Secret(SECRET))


def accepted(dialect: str, options: dict[str, object] | None = None) -> Accepted:
    """A dialect as a mount would accept it that names these options."""
    spec = DIALECTS[dialect]
    return Accepted(dialect, spec.carriage, read_options(spec.options, options or {}), is_internal=spec.is_internal)


def with_bare(case: Case, bare: Operation) -> Case:
    """The case with a bare operation beside it."""
    return replace(case, operations={**case.operations, "bare": bare})
