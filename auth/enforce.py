"""The judge: what a token says, held against the request, a realm's policy and the time.

Every dialect ends here, so each rule exists once. Claims have been verified before; whether they were is not
asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TypeAlias

from auth.claims import Claims
from auth.errors import Denied, Misuse, Reason
from auth.request import Request
from auth.rules.url import Url
from auth.scope import UnsafePath, normalise


@dataclass(frozen=True, slots=True)
class Policy:
    """What a realm asks of every token, in whatever format it comes. Durations in seconds."""

    issuers: frozenset[str] = frozenset()  # empty: whoever holds a key of the ring
    audiences: frozenset[str] = frozenset()  # our own names; empty: no token is meant for us by name
    leeway: float = 0  # how far clocks may disagree
    expiry_required: bool = True
    scope_required: bool = True
    max_lifetime: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.leeway <= 300:
            raise Misuse("leeway is 0 to 300 seconds")
        if self.max_lifetime is not None and self.max_lifetime <= 0:
            raise Misuse("max_lifetime is positive")


TokenRule: TypeAlias = Callable[[Claims, Policy, float], Denied | None]
RequestRule: TypeAlias = Callable[[Claims, Request, float], Denied | None]


def enforce(claims: Claims, request: Request, policy: Policy, now: float) -> Denied | None:
    """The first objection to a request under these claims, or None. `request` is free of the token itself."""
    return judge_token(claims, policy, now) or judge_request(claims, request, now)


def judge_token(claims: Claims, policy: Policy, now: float) -> Denied | None:
    """The first objection to the token, whatever is asked with it."""
    for rule in TOKEN_RULES.values():
        if (objection := rule(claims, policy, now)) is not None:
            return objection
    return None


def judge_request(claims: Claims, request: Request, now: float) -> Denied | None:
    """The first objection to what is asked with the token."""
    for rule in REQUEST_RULES.values():
        if (objection := rule(claims, request, now)) is not None:
            return objection
    return None


def _leeway(claims: Claims, policy: Policy) -> float:
    return 0 if claims.strict_time else policy.leeway


def _expiry(claims: Claims, policy: Policy, now: float) -> Denied | None:
    """At `exp` itself the token has expired (RFC 7519 §4.1.4)."""
    if claims.expires is None:
        return Denied(Reason.EXPIRY_MISSING) if policy.expiry_required else None
    return Denied(Reason.EXPIRED) if now >= claims.expires + _leeway(claims, policy) else None


def _session(claims: Claims, _policy: Policy, now: float) -> Denied | None:
    """Our own clocks wrote it, so nothing is allowed for others."""
    is_over = claims.session_ends is not None and now >= claims.session_ends
    return Denied(Reason.SESSION_ENDED) if is_over else None


def _beginning(claims: Claims, policy: Policy, now: float) -> Denied | None:
    """At `nbf` itself the token is valid (RFC 7519 §4.1.5). A token from the future has not begun either."""
    for instant in (claims.not_before, claims.issued_at):
        if instant is not None and now < instant - _leeway(claims, policy):
            return Denied(Reason.NOT_YET_VALID)
    return None


def _lifetime(claims: Claims, policy: Policy, now: float) -> Denied | None:
    """Counted from issue, or from now when the token does not say when it was issued."""
    if policy.max_lifetime is None:
        return None
    if claims.expires is None:
        return Denied(Reason.EXPIRY_MISSING, "a token without an end outlives every limit")
    start = now if claims.issued_at is None else claims.issued_at
    if claims.expires - start > policy.max_lifetime:
        return Denied(Reason.TOO_LONG_LIVED, f"a token lives at most {policy.max_lifetime:g} seconds")
    return None


def _issuer(claims: Claims, policy: Policy, _now: float) -> Denied | None:
    if policy.issuers and claims.issuer not in policy.issuers:
        return Denied(Reason.WRONG_ISSUER)
    return None


def _audience(claims: Claims, policy: Policy, _now: float) -> Denied | None:
    """A token for somebody else is refused even where no audience is asked for (RFC 7519 §4.1.3)."""
    if (policy.audiences or claims.audience) and policy.audiences.isdisjoint(claims.audience):
        return Denied(Reason.WRONG_AUDIENCE)
    return None


def _scope(claims: Claims, policy: Policy, _now: float) -> Denied | None:
    if policy.scope_required and claims.scope is None and claims.urls is None:
        return Denied(Reason.SCOPE_MISSING, "the token names neither paths nor URLs")
    return None


def _path(claims: Claims, request: Request, _now: float) -> Denied | None:
    """An unsafe path is refused under every token, with a scope or without."""
    try:
        path = normalise(request.path)
    except UnsafePath as error:
        return Denied(Reason.OUT_OF_SCOPE, str(error))
    if claims.scope is not None and not claims.scope.covers(path):
        return Denied(Reason.OUT_OF_SCOPE)
    return None


def _url(claims: Claims, request: Request, _now: float) -> Denied | None:
    if claims.urls is None or claims.urls.covers(Url.of(request)):
        return None
    return Denied(Reason.OUT_OF_SCOPE)


def _method(claims: Claims, request: Request, _now: float) -> Denied | None:
    """HEAD may do what GET may (RFC 9110 §9.3.2)."""
    if claims.methods is None or request.method in claims.methods:
        return None
    if request.method == "HEAD" and "GET" in claims.methods:
        return None
    return Denied(Reason.WRONG_METHOD)


def _network(claims: Claims, request: Request, _now: float) -> Denied | None:
    """An IPv4-mapped IPv6 address is the IPv4 one (RFC 4291 §2.5.5.2). An unknown client is nowhere."""
    if claims.networks is None and claims.asns is None:
        return None
    if claims.asns is not None and request.place.asn in claims.asns:
        return None
    client = request.client
    if client is None:
        return Denied(Reason.WRONG_NETWORK, "the client's address is not known")
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    is_inside = any(client in network for network in claims.networks or ())
    return None if is_inside else Denied(Reason.WRONG_NETWORK)


def _conditions(claims: Claims, request: Request, now: float) -> Denied | None:
    for condition in claims.conditions:
        if (objection := condition.objection(request, now)) is not None:
            return objection
    return None


TOKEN_RULES: dict[str, TokenRule] = {
    "expiry": _expiry,
    "session": _session,
    "beginning": _beginning,
    "lifetime": _lifetime,
    "issuer": _issuer,
    "audience": _audience,
    "scope": _scope,
}
REQUEST_RULES: dict[str, RequestRule] = {
    "path": _path,
    "url": _url,
    "method": _method,
    "network": _network,
    "conditions": _conditions,
}
