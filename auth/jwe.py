"""JWE in its compact form (RFC 7516 §7.1) with a shared key used directly (`dir`) and AES-GCM, read strictly."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth import strict_json
from auth.algorithms import AES_BYTES
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import KEY_ID, Key, KeyRing
from auth.primitives import Hash, mac
from auth.secret import Secret
from auth.strict_json import JsonObject

MAX_CHARS = 4096
MAX_HEADER_BYTES = 1024
NONCE_BYTES = 12  # RFC 7518 §5.3
TAG_BYTES = 16

_KNOWN = frozenset({"alg", "enc", "kid", "typ", "cty"})
_ENCRYPTIONS = frozenset(name.value for name in AES_BYTES)


def decrypt(text: str, ring: KeyRing) -> bytes:
    """What a compact JWE holds. Denied with TOO_LARGE, MALFORMED, UNSUPPORTED, UNKNOWN_KEY, WRONG_ALGORITHM or
    BAD_SIGNATURE; without a key id, the few newest keys of its algorithm are tried.
    """
    if len(text) > MAX_CHARS:
        raise Denied(Reason.TOO_LARGE, f"an encrypted value has at most {MAX_CHARS} characters")
    parts = text.split(".")
    if len(parts) != 5:
        raise Denied(Reason.MALFORMED, "a compact JWE has five parts")
    try:
        header, wrapped, nonce, sealed, tag = map(base64url_decode, parts)
    except ValueError:
        raise Denied(Reason.MALFORMED, "each part of a JWE is base64url without padding") from None
    encryption, key_id = _read_header(header)
    if wrapped or len(nonce) != NONCE_BYTES or len(tag) != TAG_BYTES:
        raise Denied(Reason.MALFORMED, "a JWE has no key of its own, a nonce of 12 and a tag of 16 bytes")
    for key in _keys(encryption, key_id, ring):
        try:
            return _cipher(key).decrypt(nonce, sealed + tag, parts[0].encode("ascii"))
        except InvalidTag:
            continue
    raise Denied(Reason.BAD_SIGNATURE, "an encrypted value is not authentic")


def encrypt(plaintext: bytes, key: Key) -> str:
    """A compact JWE. Misuse when the key does not encrypt, or for more than fits.

    The nonce is a keyed hash of the plaintext, so that a nonce never meets two of them and a value that is copied to a
    successor stays the same text. Who sees two values learns whether they are equal.
    """
    if key.algorithm not in AES_BYTES:
        raise Misuse(f"key {key.id}: {key.algorithm} does not encrypt")
    header: JsonObject = {"alg": "dir", "enc": key.algorithm.value, "kid": key.id}
    protected = base64url_encode(strict_json.dumps(header))
    nonce = mac(_secret(key), b"nonce\x00" + protected.encode("ascii") + b"\x00" + plaintext, Hash.SHA256)[:NONCE_BYTES]
    sealed = _cipher(key).encrypt(nonce, plaintext, protected.encode("ascii"))
    parts = (protected, "", *map(base64url_encode, (nonce, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:])))
    text = ".".join(parts)
    if len(text) > MAX_CHARS:
        raise Misuse(f"an encrypted value has at most {MAX_CHARS} characters")
    return text


def _read_header(data: bytes) -> tuple[str, str | None]:
    """Encryption and key id."""
    try:
        fields = strict_json.loads_object(data, max_bytes=MAX_HEADER_BYTES, max_depth=2)
    except ValueError as error:
        raise Denied(Reason.MALFORMED, f"JWE header: {error}") from None
    if not _KNOWN.issuperset(fields):
        raise Denied(Reason.UNSUPPORTED, "a JWE header parameter is not accepted")
    encryption, key_id = fields.get("enc"), fields.get("kid")
    if fields.get("alg") != "dir" or not isinstance(encryption, str) or encryption not in _ENCRYPTIONS:
        raise Denied(Reason.UNSUPPORTED, "an encrypted value uses dir with A128GCM or A256GCM")
    if key_id is not None and not isinstance(key_id, str):
        raise Denied(Reason.MALFORMED, "JWE header: kid is not a string")
    return encryption, key_id


def _keys(encryption: str, key_id: str | None, ring: KeyRing) -> tuple[Key, ...]:
    if key_id is None:
        keys = ring.candidates(encryption)
        if not keys:
            raise Denied(Reason.UNKNOWN_KEY, "no key decrypts the value")
        return keys
    key = ring.find(key_id) if KEY_ID.fullmatch(key_id) else None
    if key is None:
        raise Denied(Reason.UNKNOWN_KEY, "no key of the id that encrypted a value")
    if not key.accepts(encryption):
        raise Denied(Reason.WRONG_ALGORITHM, "enc is not its key's algorithm")
    return (key,)


def _cipher(key: Key) -> AESGCM:
    return AESGCM(_secret(key).reveal())


def _secret(key: Key) -> Secret:
    if not isinstance(key.material, Secret):
        raise Misuse(f"key {key.id} is not a secret")
    return key.material
