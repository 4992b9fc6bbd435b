"""Tokens that ask for their own renewal (RFC 9246 §3, CTA-5007's catr), on mounts that begin no session for them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from auth import Claims, Grant, Misuse, Transport
from auth.renewal import Renewal, RenewalTransport
from auth.renewed import renewed_claims
from origin.edge.admission import Admission
from origin.edge.lifetimes import Audience
from origin.edge.mount import Mount, Protection
from origin.http.reply import Header
from origin.serving.inbound import Inbound

# CTA-5007 names the first; implementations send the second. Both are exposed to pages.
CAT_HEADERS = ("CTA-Common-Access-Token", "Common-Access-Token")

_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_ATTRIBUTE = re.compile(r"(?:Domain|Path|SameSite|Priority)=[!-:<-~]{1,256}|Partitioned", re.IGNORECASE)
_HEADER_NAME = re.compile(r"(?:CTA-)?Common-Access-Token|X-[A-Za-z0-9-]{1,62}", re.IGNORECASE)


def renewal_fields(mount: Mount, admission: Admission, inbound: Inbound, now: float) -> tuple[Header, ...]:
    """The successor of the request's token, for an answer with a 2xx status; nothing where none is asked for or due.

    An answer that a shared cache may keep carries none. A renewal that goes by the URL has no place here: a manifest's
    URIs and redirects carry it. No chain of successors outlives the mount's sessions (`auth.renewed`).
    """
    protection, grant = mount.protection, admission.grant
    if protection is None or grant is None or admission.audience is not Audience.VIEWER:
        return ()
    renewal = grant.claims.renewal
    if renewal is None or grant.claims.one_time or not renewal.is_due(grant.claims.expires, now):
        return ()
    exchange = protection.exchange
    if exchange is not None and grant.claims.dialect in exchange.dialects:
        return ()
    wanted = renewed_claims(grant.claims, now, protection.renewed_for)
    if wanted is None:
        return ()
    facts = inbound.facts
    query = f"?{admission.query}" if admission.query else ""
    url = f"{facts.scheme}://{facts.authority}{admission.path}{query}"
    match _goes_by(renewal, grant):
        case Transport.COOKIE:
            return _cookies(protection, renewal, wanted, admission.path, url, now)
        case Transport.HEADER:
            return _headers(protection, renewal, grant, wanted, url, now)
        case _:
            return ()


def _goes_by(renewal: Renewal, grant: Grant) -> Transport | None:
    match renewal.transport:
        case RenewalTransport.SAME:
            return grant.transport
        case RenewalTransport.COOKIE:
            return Transport.COOKIE
        case RenewalTransport.HEADER:
            return Transport.HEADER
        case RenewalTransport.QUERY | RenewalTransport.REDIRECT:
            return None


def _cookies(
    protection: Protection, renewal: Renewal, wanted: Claims, path: str, url: str, now: float
) -> tuple[Header, ...]:
    folder = _cookie_path(path, renewal.path_depth)
    if folder is None or wanted.expires is None:
        return ()
    try:
        pairs = protection.gate.issue(url, wanted, protection.rings(), now, Transport.COOKIE).cookies
    except Misuse:  # the ring only verifies, or cookies are not read here
        return ()
    if renewal.cookie_name is not None and len(pairs) == 1 and _COOKIE_NAME.fullmatch(renewal.cookie_name):
        pairs = ((renewal.cookie_name, pairs[0][1]),)
    attributes = "; ".join(_attributes(renewal.cookie_attributes, folder))
    age = math.floor(wanted.expires - now)
    return tuple(("Set-Cookie", f"{name}={value}; Max-Age={age}; {attributes}") for name, value in pairs)


def _attributes(asked: Iterable[str], folder: str) -> tuple[str, ...]:
    """What the token asks for, as far as it is harmless, or our own choice; never without Secure and HttpOnly."""
    allowed = tuple(one for one in asked if _ATTRIBUTE.fullmatch(one))
    has_path = any(one.lower().startswith("path=") for one in allowed)
    chosen = allowed or ("SameSite=None", "Partitioned")
    return (*(() if has_path else (f"Path={folder}",)), "Secure", "HttpOnly", *chosen)


def _cookie_path(path: str, depth: int | None) -> str | None:
    """The leading segments of a path; None when it has fewer (RFC 9246 §2.1.14)."""
    if not depth:
        return "/"
    segments = path.removeprefix("/").split("/")
    return "/" + "/".join(segments[:depth]) if len(segments) >= depth else None


def _headers(
    protection: Protection, renewal: Renewal, grant: Grant, wanted: Claims, url: str, now: float
) -> tuple[Header, ...]:
    try:
        token = protection.gate.mint(wanted, protection.rings(), now, url)
    except Misuse:
        return ()
    name = renewal.header_name
    if name is None and grant.carriage is not None and grant.carriage.header != "authorization":
        name = grant.carriage.header
    names = CAT_HEADERS if name is None or name.lower() in {one.lower() for one in CAT_HEADERS} else (name,)
    parameters = "".join(f"; {one}" for one in renewal.header_parameters if _ATTRIBUTE.fullmatch(one))
    return tuple((one, token.reveal() + parameters) for one in names if _HEADER_NAME.fullmatch(one))
