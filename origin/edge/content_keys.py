"""Content keys for players: one as its octets (RFC 8216 §4.3.2.4), or several as a Clear Key licence (W3C EME §9.1)."""

from __future__ import annotations

import msgspec

from auth import strict_json
from auth.encoding import base64url_decode, base64url_encode
from auth.strict_json import JsonValue
from origin.edge.mount import Mount
from origin.http.caching import NO_STORE, cache_control
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes, Reply
from origin.keystore.content_keys import ContentKeys, read_sixteen
from origin.media.target import Refusal, Target
from origin.serving.inbound import Inbound

LICENCE_METHODS = ("POST", "OPTIONS")
MAX_KIDS = 64
MAX_REQUEST_BYTES = 16 * 1024

_LICENCE, _EXTENSION = "clearkey", ".key"
_JSON = "application/json"
_TEMPORARY = "temporary"  # the one type of session that Clear Key must support; others outlive the token
# What a refused request is told, by its reason.
_MALFORMED, _PERSISTENT, _NOT_JSON = "licence_request_malformed", "licence_type_unsupported", "media_type_unsupported"


class _RefusedLicenceError(Exception):
    """A licence request that is not answered with keys."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reply = problem_reply(Problem(status, reason, detail=detail))
        self.reason = reason


def asks_for_licences(mount: Mount, path: str) -> bool:
    """Whether this path (percent-encoded, perhaps with a token in it) is where the mount hands out licences."""
    return mount.content_keys is not None and path.endswith(f"/{_LICENCE}")


def asks_for_keys(mount: Mount, target: Target, inbound: Inbound) -> bool:
    """Whether this is answered from the mount's key store, and by nothing that lies in its storage."""
    if mount.content_keys is None:
        return False
    return inbound.method == "POST" or target.path.lower().endswith(_EXTENSION)


def answer_keys(mount: Mount, target: Target, inbound: Inbound) -> tuple[Reply | None, str]:
    """The reply, None when the asset has no such key, and the reason of a refusal."""
    if mount.content_keys is None:
        return None, ""
    known, (folder, _, name) = mount.content_keys(), target.path.rpartition("/")
    if folder != target.asset:
        return None, ""
    if inbound.method != "POST":
        return _octets(known, target.asset, name), ""
    if name != _LICENCE:
        return None, ""
    try:
        return _licence(known, target.asset, inbound), ""
    except _RefusedLicenceError as refused:
        return refused.reply, refused.reason


def _octets(known: ContentKeys, asset: str, name: str) -> Reply | None:
    try:
        key = known.key(asset, read_sixteen(name[: -len(_EXTENSION)]))
    except ValueError:
        return None
    if key is None:
        return None
    headers = (("Content-Type", "application/octet-stream"), cache_control(NO_STORE))
    return Reply(200, headers, Bytes(key.reveal()))


def _licence(known: ContentKeys, asset: str, inbound: Inbound) -> Reply:
    keys = [
        {"kty": "oct", "kid": base64url_encode(kid), "k": base64url_encode(key.reveal())}
        for kid in _wanted(inbound)
        if (key := known.key(asset, kid)) is not None
    ]
    if not keys:
        raise _RefusedLicenceError(404, Refusal.NOT_FOUND.value, "The asset has none of these keys.")
    document = msgspec.json.encode({"keys": keys, "type": _TEMPORARY})
    return Reply(200, (("Content-Type", _JSON), cache_control(NO_STORE)), Bytes(document))


def _wanted(inbound: Inbound) -> tuple[bytes, ...]:
    """The ids of a licence request (W3C EME §9.1.3), each once. Members that are not defined are ignored."""
    # Some players send no media type, which leaves it to the recipient (RFC 9110 §8.3).
    media_type = (inbound.field("Content-Type") or _JSON).partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise _RefusedLicenceError(415, _NOT_JSON, f"A licence request is {_JSON}.")
    try:
        request = strict_json.loads_object(inbound.body, max_bytes=MAX_REQUEST_BYTES)
        kids = _kids(request.get("kids"))
    except ValueError as error:
        raise _RefusedLicenceError(400, _MALFORMED, f"This is no licence request: {error}.") from None
    if request.get("type", _TEMPORARY) != _TEMPORARY:
        raise _RefusedLicenceError(400, _PERSISTENT, "Licences are for temporary sessions.")
    return kids


def _kids(value: JsonValue) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_KIDS:
        raise ValueError(f"kids is not a list of 1 to {MAX_KIDS}")
    kids: dict[bytes, None] = {}
    for text in value:
        if not isinstance(text, str):
            raise ValueError("a kid is not a string")  # noqa: TRY004
        kids[base64url_decode(text)] = None
    return tuple(kids)
