"""Akamai's Signature Header Authentication, also called G2O: an edge proves to an origin that it asks.

Two header fields: `X-Akamai-G2O-Auth-Data`, which is

    version, edge address, client address, Unix seconds, unique id, key id

and `X-Akamai-G2O-Auth-Sign`, the base64 MAC over those words as they were sent, followed by a sign string: the path
and query asked for, unless an edge configuration says otherwise. NetStorage is asked with the same scheme under other
names and with the sign string of `acs_sign_string`.

The version says how the MAC is made, and whoever sends it chooses it: only those that the caller names are taken.
Whether a unique id was seen before, the caller knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from auth.algorithms import Algorithm
from auth.encoding import base64_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, digest, mac, same
from auth.request import Pairs
from auth.secret import Secret

Address: TypeAlias = IPv4Address | IPv6Address

VERSIONS = frozenset({1, 2, 3, 4, 5})
STRONG = frozenset({5})  # HMAC-SHA256; the others are MD5 and SHA-1
WINDOW = 30  # seconds
MAX_DATA = 512

_WORD = r"[!-+\--~]{1,128}"  # visible, without the comma
_DATA = re.compile(
    rf"(?P<version>[0-9]), (?P<edge>[0-9A-Fa-f.:]{{2,45}}), (?P<client>[0-9A-Fa-f.:]{{2,45}}), "
    rf"(?P<time>[0-9]{{1,12}}), (?P<unique>{_WORD}), (?P<key>{_WORD})"
)


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What the two header fields are called, in lower case."""

    data: str = "x-akamai-g2o-auth-data"
    sign: str = "x-akamai-g2o-auth-sign"


G2O = FieldNames()
ACS = FieldNames("x-akamai-acs-auth-data", "x-akamai-acs-auth-sign")


@dataclass(frozen=True, slots=True)
class EdgeClaims:
    """What an edge says of a request that it passes on."""

    edge: Address
    client: Address  # the viewer, as the edge saw it
    issued_at: int  # Unix seconds
    unique_id: str  # of this request, to tell a replay
    key_id: str
    version: int = 5


def acs_sign_string(path: str, action: str) -> str:
    """What NetStorage signs beside the data: the path, and the field that says what is to be done with it."""
    return f"{path}\nx-akamai-acs-action:{action}\n"


def verify(
    fields: Pairs,
    sign_string: str,
    keys: KeyRing,
    now: float,
    *,
    versions: Collection[int] = STRONG,
    window: float = WINDOW,
    names: FieldNames = G2O,
) -> EdgeClaims:
    """What the edge says, or Denied.

    `fields` are the request's header fields with lower-case names; `now` and `window` are seconds, and at the window's
    ends a request is still taken.
    """
    data, given = _only(fields, names.data), _only(fields, names.sign)
    found = _DATA.fullmatch(data) if len(data) <= MAX_DATA else None
    if found is None:
        raise Denied(Reason.MALFORMED, "the edge's data are six words joined by a comma and a space")
    version = int(found["version"])
    if version not in versions or version not in VERSIONS:
        raise Denied(Reason.WRONG_ALGORITHM, "a version that is not taken here")
    key = keys.find(found["key"])
    if key is None:
        raise Denied(Reason.UNKNOWN_KEY)
    if key.algorithm is not Algorithm.SHARED or not isinstance(key.verifying, Secret):
        raise Denied(Reason.WRONG_ALGORITHM, "the edge signs with a shared secret")
    if not same(_mac(version, key.verifying, _octets(data), _octets(sign_string)), given):
        raise Denied(Reason.BAD_SIGNATURE)
    if not key.is_in_force(now):
        raise Denied(Reason.KEY_NOT_IN_FORCE)
    issued_at = int(found["time"])
    if now - issued_at > window:
        raise Denied(Reason.EXPIRED)
    if issued_at - now > window:
        raise Denied(Reason.NOT_YET_VALID)
    edge, client = _address(found["edge"]), _address(found["client"])
    return EdgeClaims(edge, client, issued_at, found["unique"], key.id, version)


def mint(claims: EdgeClaims, sign_string: str, key: Key, *, names: FieldNames = G2O) -> Pairs:
    """The two header fields that `verify` turns back into these claims. Misuse when they cannot say them."""
    if key.algorithm is not Algorithm.SHARED or not isinstance(key.signing, Secret) or key.id != claims.key_id:
        raise Misuse("the edge signs with the shared secret that it names")
    words = (claims.version, claims.edge, claims.client, claims.issued_at, claims.unique_id, claims.key_id)
    data = ", ".join(map(str, words))
    if claims.version not in VERSIONS or not _DATA.fullmatch(data) or len(data) > MAX_DATA:
        raise Misuse("these claims are not six words that can be told apart")
    return ((names.data, data), (names.sign, _mac(claims.version, key.signing, data.encode(), _octets(sign_string))))


def _only(fields: Pairs, name: str) -> str:
    values = [value for known, value in fields if known == name]
    if not values:
        raise Denied(Reason.ABSENT, "no signature of an edge")
    if len(values) > 1:
        raise Denied(Reason.AMBIGUOUS, "more than one signature of an edge")
    return values[0]


def _mac(version: int, secret: Secret, data: bytes, sign_string: bytes) -> str:
    message = data + sign_string
    key = secret.reveal()
    match version:
        case 1:
            octets = digest(key + message, Hash.MD5)
        case 2:
            octets = digest(key + digest(key + message, Hash.MD5), Hash.MD5)
        case 3:
            octets = mac(secret, message, Hash.MD5)
        case 4:
            octets = mac(secret, message, Hash.SHA1)
        case _:
            octets = mac(secret, message, Hash.SHA256)
    return base64_encode(octets)


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Denied(Reason.MALFORMED, "what an edge signs is Unicode text") from None


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise Denied(Reason.MALFORMED, "the edge's data hold two addresses") from None
