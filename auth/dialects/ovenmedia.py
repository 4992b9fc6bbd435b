"""OvenMediaEngine's SignedPolicy: `policy=<JSON in base64url>&signature=<HMAC-SHA1 in base64url>` over the whole URL.

The URL is hashed with its port, the scheme's own too, and with `policy` at its place in the query. Instants are
milliseconds. `stream_expire` ends a session that is already playing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from auth import strict_json, url_hash
from auth.carriage import Carriage, Found
from auth.claims import Claims, Network, read_network
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, mac
from auth.request import Request
from auth.rules.url import DEFAULT_PORTS, Url
from auth.secret import Secret, Token
from auth.strict_json import JsonObject, JsonValue

NAME = "ovenmedia"

MAX_POLICY = 2048

_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{27}")
_TIMES = {"url_activate": "not_before", "url_expire": "expires", "stream_expire": "session_ends"}
_ADDRESSES = ("allow_ip", "real_ip")
_MAX_MILLISECONDS = 2**53


@dataclass(frozen=True, slots=True)
class OvenMediaOptions(Options):
    """Options of `ovenmedia`."""

    policy_name: str = option("policy", "The parameter of the policy (PolicyQueryKeyName).")


class OvenMedia(url_hash.SeveralNames):
    """The dialect `ovenmedia`."""

    def __init__(self, options: OvenMediaOptions) -> None:
        self._policy = options.policy_name

    def names(self, carriage: Carriage) -> tuple[str, ...]:
        """See `SeveralNames`."""
        return (carriage.name, self._policy)

    def bound(self, request: Request) -> tuple[str, ...]:
        """The path, the URL before its query, and the query before and behind the policy."""
        return (request.path, _before_query(Url.of(request)), request.query, "")

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`."""
        found = super().locate(request, carriage, mount)
        if found is None:
            return None
        unsigned = url_hash.take(request.query, (carriage.name,))[1].split("&")
        at = next((at for at, piece in enumerate(unsigned) if piece.startswith(self._policy + "=")), len(unsigned))
        around = ("&".join(unsigned[:at]), "&".join(unsigned[at + 1 :]))
        return replace(found, bound=(*found.bound[:2], *around))

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a signed policy."""
        tag, policy = self._parse(found.token)
        key = url_hash.maker(ring, tag, lambda secret: self._hash(secret, found.bound, policy))
        return _claims(found.bound[0], _members(policy), key.id)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A policy for `url`, in milliseconds; of networks it can say one."""
        secret = url_hash.secret_to_sign(key)
        if url is None:
            raise Misuse("this token is made for a URL")
        members: JsonObject = {}
        for name, ours in _TIMES.items():
            value: float | None = getattr(claims, ours)
            if value is not None:
                members[name] = _in_milliseconds(name, value)
        if claims.networks is not None and len(claims.networks) == 1:
            members["allow_ip"] = str(claims.networks[0])
        try:
            policy = base64url_encode(strict_json.dumps(members))
            said = _claims(url.path, _members(policy), key.id)
        except (ValueError, Denied) as error:
            raise Misuse(f"no policy can be made: {error}") from None
        url_hash.check_said(said, claims)
        bound = (url.path, _before_query(url), url.query, "")
        return url_hash.joined((("", self._hash(secret, bound, policy)), (self._policy, policy)))

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """The policy's members."""
        members = _members(self._parse(found.token)[1])
        return tuple((name[:60], str(value)[:60]) for name, value in members.items())

    def _parse(self, token: Token) -> tuple[str, str]:
        tag, policy = url_hash.values(token, (self._policy,))
        if not _SIGNATURE.fullmatch(tag):
            raise Denied(Reason.MALFORMED, "the signature is 27 characters of base64url")
        return tag, policy

    def _hash(self, secret: bytes, bound: tuple[str, ...], policy: str) -> str:
        _, location, before, behind = bound
        pieces = [piece for piece in (before, f"{self._policy}={policy}", behind) if piece]
        return base64url_encode(mac(Secret(secret), url_hash.octets(location, "?", "&".join(pieces)), Hash.SHA1))


def _before_query(url: Url) -> str:
    """Scheme, host, port and path; a scheme without a port of its own needs one in the URL."""
    port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    return f"{url.scheme}://{url.host}:{port}{url.path}"


def _members(policy: str) -> JsonObject:
    try:
        return strict_json.loads_object(base64url_decode(policy), max_bytes=MAX_POLICY)
    except ValueError:
        raise Denied(Reason.MALFORMED, "the policy is a JSON object in base64url") from None


def _claims(path: str, members: JsonObject, key_id: str) -> Claims:
    if not members.keys() <= {*_TIMES, *_ADDRESSES}:
        raise Denied(Reason.UNSUPPORTED, "the policy has a member that is not known")
    if "url_expire" not in members:
        raise Denied(Reason.MALFORMED, "the policy has no url_expire")
    times = {ours: _milliseconds(name, members[name]) for name, ours in _TIMES.items() if name in members}
    return Claims(
        scope=url_hash.exact(path),
        not_before=times.get("not_before"),
        expires=times.get("expires"),
        session_ends=times.get("session_ends"),
        networks=_networks(members),
        key_id=key_id,
        dialect=NAME,
    )


def _in_milliseconds(name: str, value: float) -> int:
    if not 0 <= value * 1000 <= _MAX_MILLISECONDS:
        raise Misuse(f"{name} cannot be said in milliseconds")
    return round(value * 1000)


def _milliseconds(name: str, value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_MILLISECONDS:
        raise Denied(Reason.MALFORMED, f"{name} is a whole number of milliseconds")
    return value / 1000


def _networks(members: JsonObject) -> tuple[Network, ...] | None:
    """`allow_ip` is about who connects and `real_ip` about whom a proxy names: one viewer here, so one of them."""
    named = [(name, members[name]) for name in _ADDRESSES if name in members]
    if len(named) > 1:
        raise Denied(Reason.UNSUPPORTED, "the policy has both allow_ip and real_ip")
    return tuple(read_network(name, value) for name, value in named) or None
