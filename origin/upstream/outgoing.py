"""What a request to an upstream says beyond what was asked: who passes it on, for whom, and that it is ours. Pure."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from hashlib import sha256
from ipaddress import ip_address

from auth.http_signatures import METHOD, TARGET_URI, Component, sign
from auth.keys import Key
from auth.request import Request
from origin.http.fields import HOP_BY_HOP, Fields, combined, values_of, without
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError, Viewer

MAX_LOOP_MEMBERS = 32

# What belongs to a connection, or to whom a message is for; whoever connects writes its own.
OF_THE_CONNECTION = HOP_BY_HOP | {"content-length", "expect", "host"}
# What is for the eyes of one origin, and follows no redirect to another.
FOR_ONE_ORIGIN = frozenset({"authorization", "cookie", "signature", "signature-input"})

_TOKEN_TEXT = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # a token of HTTP
_QUOTED_TEXT = r'"(?:[\t !#-\[\]-~\x80-\uffff]|\\[\t -~\x80-\uffff])*+"'
_PARAMETER = rf"[ \t]*+;[ \t]*+{_TOKEN_TEXT}=(?:{_TOKEN_TEXT}|{_QUOTED_TEXT})"
_LOOP_ID = r"(?:\[[0-9A-Fa-f:.]++\]|[!#$%&'*+.^_`|~0-9A-Za-z-]++)(?::[0-9]*+)?"
_LOOP_EMPTY = re.compile(r"[ \t]*+(?:,|\Z)")
_PAIR = rf"{_TOKEN_TEXT}=(?:{_TOKEN_TEXT}|{_QUOTED_TEXT})"
_ELEMENT = rf"(?:{_PAIR})?+(?:[ \t]*+;[ \t]*+(?:{_PAIR})?+)*+"
_TOKEN = re.compile(_TOKEN_TEXT)
_QUOTABLE = re.compile(r"[ !#-\[\]-~]+")
_VALUE = re.compile(r"[\t -~\x80-\ud7ff\ue000-\U0010ffff]*")


# These two take longer to compile than all the others; many who start never need them.
@cache
def _loop_member() -> re.Pattern[str]:
    return re.compile(rf"[ \t]*+({_LOOP_ID})(?:{_PARAMETER})*+[ \t]*+(?:,|\Z)")


@cache
def _forwarded() -> re.Pattern[str]:
    return re.compile(rf"[ \t]*+{_ELEMENT}(?:[ \t]*+,[ \t]*+{_ELEMENT})*+[ \t]*+")


class Forwarding(StrEnum):
    """Whether an upstream is told for whom we ask (RFC 7239)."""

    OFF = "off"
    OBFUSCATED = "obfuscated"  # a viewer is the same pseudonym for as long as the salt is the same (§6.3)
    CLEAR = "clear"  # the viewer's address


@dataclass(frozen=True, slots=True)
class Signing:
    """How our pulls are signed (RFC 9421)."""

    key: Key
    components: tuple[Component, ...] = (METHOD, TARGET_URI)  # one that a request does not have is left out
    label: str = "headgate"
    tag: str | None = None
    lifetime_seconds: int | None = 60


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to every request."""

    loop_id: str = "headgate"  # this deployment's name in CDN-Loop; another one's in front of us has another
    loop_parameter: tuple[str, str] | None = None
    via: str = "headgate"
    forwarding: Forwarding = Forwarding.OFF
    salt: bytes = field(default=b"", repr=False)  # for pseudonyms
    fields: Fields = field(default=(), repr=False)  # these take the place of the request's own
    signing: Signing | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(_LOOP_ID, self.loop_id) or not _TOKEN.fullmatch(self.via):
            raise ValueError("a name in CDN-Loop is a host or a token, and one in Via is a token")
        if self.loop_parameter is not None and not all(map(_TOKEN.fullmatch, self.loop_parameter)):
            raise ValueError("a parameter in CDN-Loop is two tokens")
        if self.forwarding is Forwarding.OBFUSCATED and len(self.salt) < 16:
            raise ValueError("pseudonyms take a salt of 16 bytes at least")
        if self.signing is not None and self.signing.key.signing is None:
            raise ValueError("the key that signs requests is a private or a shared one")
        if _unsendable(self.fields) or OF_THE_CONNECTION & {name.lower() for name, _ in self.fields}:
            raise ValueError(
                "a field that is added has a name and a value that can be sent, and is not the connection's"
            )


def check_request(request: Outgoing) -> None:
    """Raise `UpstreamError` (BAD_TARGET) for a method or a field that cannot be sent."""
    if not _TOKEN.fullmatch(request.method) or request.method in {"CONNECT", "TRACE"}:
        raise UpstreamError(Trouble.BAD_TARGET, "a method that is not passed on")
    if _unsendable(request.fields):
        raise UpstreamError(Trouble.BAD_TARGET, "a field that cannot be sent")


def prepared(request: Outgoing, additions: Additions) -> Fields:
    """The fields that go out, unsigned. Raises `UpstreamError` (LOOP) when the request has been here before."""
    loop, via, forwarded = (combined(request.fields, name) for name in ("cdn-loop", "via", "forwarded"))
    replaced = {name.lower() for name, _ in additions.fields} | {"cdn-loop", "via", "forwarded"}
    if additions.signing is not None:
        replaced |= {"signature", "signature-input"}
    named = ",".join(values_of(request.fields, "connection")).lower().replace("\t", " ").split(",")
    kept = without(request.fields, OF_THE_CONNECTION | replaced | {name.strip() for name in named})
    added = [
        ("CDN-Loop", cdn_loop(loop, additions.loop_id, additions.loop_parameter)),
        ("Via", f"{via}, 1.1 {additions.via}" if via else f"1.1 {additions.via}"),
    ]
    told = forwarded if forwarded and _forwarded().fullmatch(forwarded) else None
    if request.viewer is not None and additions.forwarding is not Forwarding.OFF:
        pseudonym = additions.salt if additions.forwarding is Forwarding.OBFUSCATED else None
        element = forwarded_element(request.viewer, pseudonym)
        told = f"{told}, {element}" if told else element
    if told:
        added.append(("Forwarded", told))
    return (*kept, *additions.fields, *added)


def cdn_loop(received: str | None, own: str, parameter: tuple[str, str] | None) -> str:
    """The value of CDN-Loop (RFC 8586 §2) with our name behind those received.

    Raises `UpstreamError` (LOOP) when our name is there already, in any case; so it does when the value cannot be
    read, or names more than MAX_LOOP_MEMBERS: our name might be in it.
    """
    names = [] if received is None else _loop_names(received)
    if own.lower() in names:
        raise UpstreamError(Trouble.LOOP, "CDN-Loop has our name")
    if len(names) >= MAX_LOOP_MEMBERS:
        raise UpstreamError(Trouble.LOOP, f"CDN-Loop has {MAX_LOOP_MEMBERS} names")
    ours = own if parameter is None else f"{own}; {parameter[0]}={parameter[1]}"
    if received is None or not names:
        return ours
    before = received.strip(" \t,")
    return f"{before}, {ours}"


def forwarded_element(viewer: Viewer, salt: bytes | None) -> str:
    """One element of Forwarded (RFC 7239 §4); with `salt` the viewer is a pseudonym made of address and salt."""
    pairs = [("for", _node(viewer.address, salt)), ("proto", viewer.scheme), ("host", viewer.host)]
    return ";".join(f"{name}={_quoted(value)}" for name, value in pairs if _QUOTABLE.fullmatch(value))


def signed(fields: Fields, request: Request, signing: Signing, now: float, nonce: str) -> Fields:
    """`fields` and a signature over `request`, whose headers they are. `now` in Unix seconds.

    Raises Misuse when the key does not sign.
    """
    created = int(now)
    there = tuple(each for each in signing.components if each.id.startswith("@") or request.fields(each.id))
    expires = None if signing.lifetime_seconds is None else created + signing.lifetime_seconds
    made = sign(
        request, signing.key, created, there, label=signing.label, expires=expires, nonce=nonce, tag=signing.tag
    )
    return (*fields, *made)


def _loop_names(value: str) -> list[str]:
    """The names in a CDN-Loop, in lower case."""
    names: list[str] = []
    at = 0
    while at < len(value):
        member = _loop_member().match(value, at)
        empty = _LOOP_EMPTY.match(value, at) if member is None else None
        if member is not None:
            names.append(member[1].lower())
            at = member.end()
        elif empty is not None:
            at = empty.end()
        else:
            raise UpstreamError(Trouble.LOOP, "a CDN-Loop that cannot be read")
    return names


def _node(address: str | None, salt: bytes | None) -> str:
    """A node (RFC 7239 §6)."""
    if address is None:
        return "unknown"
    if salt is not None:
        return "_" + hmac.digest(salt, address.encode(), sha256).hex()[:32]
    try:
        return f"[{address}]" if ip_address(address).version == 6 else address
    except ValueError:
        return "unknown"


def _quoted(value: str) -> str:
    return value if _TOKEN.fullmatch(value) else f'"{value}"'


def _unsendable(fields: Fields) -> bool:
    return any(not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) for name, value in fields)
