"""COSE messages (RFC 9052) that carry a CWT (RFC 8392): COSE_Mac0 and COSE_Sign1, read strictly.

`alg` stands in the protected header and nowhere else, and the key decides whether it is right. Other header parameters
are refused: the unprotected ones could be put there by anyone, and the protected ones would need to be understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from auth import algorithms, strict_cbor
from auth.algorithms import Algorithm
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import KEY_ID, Key, KeyRing
from auth.secret import Token
from auth.strict_cbor import CborMap, CborValue, Tagged

MAX_TOKEN_CHARS = 8192

MAC0, SIGN1, CWT = 17, 18, 61  # tags
_ALG, _CRIT, _CONTENT_TYPE, _KID, _TYP = 1, 2, 3, 4, 16  # header labels (RFC 9052 §3.1, RFC 9596)
_PROTECTED = frozenset({_ALG, _CONTENT_TYPE, _KID, _TYP})
_UNPROTECTED = frozenset({_KID})
_TAGS = frozenset({MAC0, SIGN1, CWT})

# RFC 9053 §2, §3: the identifier on the wire, and which message it belongs to.
_ALGORITHMS: dict[int, tuple[int, Algorithm]] = {
    5: (MAC0, Algorithm.HS256),
    -7: (SIGN1, Algorithm.ES256),
    -37: (SIGN1, Algorithm.PS256),
    -8: (SIGN1, Algorithm.EDDSA),
}
_IDENTIFIERS = {algorithm: (number, tag) for number, (tag, algorithm) in _ALGORITHMS.items()} | {
    Algorithm.ED25519: (-8, SIGN1)
}
# How the structures begin that are authenticated: an array of four, and its first item.
_CONTEXTS = {tag: b"\x84" + strict_cbor.dumps(name) for tag, name in ((MAC0, "MAC0"), (SIGN1, "Signature1"))}
_NOTHING = strict_cbor.octets(b"")


@dataclass(frozen=True, slots=True)
class Message:
    """A well-formed message that nobody has verified yet."""

    algorithm: Algorithm
    key_id: str | None
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(token: Token) -> Message:
    """The message in a base64url text. Denied with TOO_LARGE, MALFORMED or UNSUPPORTED."""
    text = token.reveal()
    if len(text) > MAX_TOKEN_CHARS:
        raise Denied(Reason.TOO_LARGE, f"a token has at most {MAX_TOKEN_CHARS} characters")
    try:
        return _message(strict_cbor.loads(base64url_decode(text), tags=_TAGS))
    except ValueError:
        raise Denied(Reason.MALFORMED, "not a COSE message in base64url without padding") from None


def verify(message: Message, ring: KeyRing) -> Key:
    """The key that made the MAC or signature. Denied with UNKNOWN_KEY, WRONG_ALGORITHM or BAD_SIGNATURE.

    A message without a key id is tried with the few newest keys of its algorithm.
    """
    if message.key_id is not None:
        key = ring.find(message.key_id) if KEY_ID.fullmatch(message.key_id) else None
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY, "no key of that id")
        if not key.accepts(message.algorithm):
            raise Denied(Reason.WRONG_ALGORITHM, "alg is not its key's algorithm")
        algorithms.verify(key.algorithm, key.verifying, message.signed, message.signature)
        return key
    candidates = ring.candidates(message.algorithm)
    if not candidates:
        raise Denied(Reason.UNKNOWN_KEY, "no kid, and no key of that algorithm")
    for key in candidates:
        try:
            algorithms.verify(key.algorithm, key.verifying, message.signed, message.signature)
        except Denied:
            continue
        return key
    raise Denied(Reason.BAD_SIGNATURE)


def sign(payload: bytes, key: Key) -> Token:
    """A tagged CWT by `key`, its id in the unprotected header, where every implementation looks.

    Misuse when the key cannot sign, has no COSE algorithm, or the token would be refused for its size.
    """
    if key.signing is None:
        raise Misuse(f"key {key.id} verifies only")
    if key.algorithm not in _IDENTIFIERS:
        raise Misuse(f"COSE messages are not made with {key.algorithm} here")
    number, tag = _IDENTIFIERS[key.algorithm]
    protected = strict_cbor.dumps({_ALG: number})
    signature = algorithms.sign(key.algorithm, key.signing, _signed(tag, protected, payload))
    parts: list[CborValue] = [protected, {_KID: key.id.encode()}, payload, signature]
    data = strict_cbor.dumps(Tagged(CWT, Tagged(tag, parts)))
    text = base64url_encode(data)
    if len(data) > strict_cbor.MAX_BYTES or len(text) > MAX_TOKEN_CHARS:
        raise Misuse(f"the token would be longer than {MAX_TOKEN_CHARS} characters")
    return Token(text)


def _message(value: CborValue) -> Message:
    if isinstance(value, Tagged) and value.tag == CWT:
        value = value.value
    if not isinstance(value, Tagged) or value.tag not in _CONTEXTS:
        raise Denied(Reason.MALFORMED, "a token is a tagged COSE_Mac0 or COSE_Sign1")
    match value.value:
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature]:
            algorithm, key_id = _headers(value.tag, protected, unprotected)
            return Message(algorithm, key_id, payload, _signed(value.tag, protected, payload), signature)
        case _:
            raise Denied(Reason.MALFORMED, "a COSE message has two headers, a payload and a tag or signature")


def _signed(tag: int, protected: bytes, payload: bytes) -> bytes:
    """MAC_structure or Sig_structure (RFC 9052 §4.4, §6.3), with no external data."""
    return b"".join((_CONTEXTS[tag], strict_cbor.octets(protected), _NOTHING, strict_cbor.octets(payload)))


def _headers(tag: int, protected: bytes, unprotected: CborMap) -> tuple[Algorithm, str | None]:
    _check_parameters(unprotected, _UNPROTECTED)
    algorithm, key_id = _protected(tag, protected)
    if _KID not in unprotected:
        return algorithm, key_id
    beside = _key_id(unprotected[_KID])
    if key_id is not None and key_id != beside:
        raise Denied(Reason.AMBIGUOUS, "two key ids")
    return algorithm, beside


@lru_cache(maxsize=256)
def _protected(tag: int, encoded: bytes) -> tuple[Algorithm, str | None]:
    """Algorithm and key id of a protected header; all tokens of one key have the same."""
    header = strict_cbor.loads(encoded) if encoded else {}
    if not isinstance(header, dict):
        raise Denied(Reason.MALFORMED, "the protected header is a map")
    _check_parameters(header, _PROTECTED)
    return _algorithm(tag, header), _key_id(header[_KID]) if _KID in header else None


def _check_parameters(header: CborMap, known: frozenset[int]) -> None:
    if _CRIT in header:
        raise Denied(Reason.UNSUPPORTED, "critical header parameters are not accepted")
    if not known.issuperset(header):
        raise Denied(Reason.UNSUPPORTED, "header parameters other than alg, kid, typ and content type are not accepted")


def _algorithm(tag: int, header: CborMap) -> Algorithm:
    if _ALG not in header:
        raise Denied(Reason.MALFORMED, "alg is missing from the protected header")
    number = header[_ALG]
    if isinstance(number, bool) or not isinstance(number, int):
        raise Denied(Reason.UNSUPPORTED, "alg is an integer")
    expected, algorithm = _ALGORITHMS.get(number, (0, Algorithm.SHARED))
    if expected != tag:
        raise Denied(Reason.UNSUPPORTED, "alg is not an algorithm that is accepted for this kind of message")
    return algorithm


def _key_id(value: CborValue) -> str:
    """Octets on the wire, text in a ring; what is no text names no key."""
    if not isinstance(value, bytes):
        raise Denied(Reason.MALFORMED, "kid is a byte string")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Denied(Reason.UNKNOWN_KEY, "no key of that id") from None
