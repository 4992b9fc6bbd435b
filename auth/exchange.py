"""From the token that a viewer came with to the session that goes on from there.

A customer's token opens the door: it is judged once, at a manifest. What travels below is a token of ours for the same
viewer, so that an expiry of minutes, which is right for a link that is passed around, does not end a film. The
session's own end is absolute, whatever is renewed.

A token that a player keeps for long (in the URIs of a multivariant playlist, which it asks for again and again, or of
a VOD playlist, which it loads once) is as long-lived as its session. What is handed out anew all the time (the URIs of
a live playlist, a cookie) holds a token that ends soon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor

from auth.claims import Claims
from auth.dialects.session import ISSUED_FOR
from auth.dialects.session import NAME as SESSION
from auth.errors import Misuse
from auth.rules.expressions import UrlHash
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import ExactUrl, Url, UrlPrefixes, UrlRule
from auth.scope import PathScope, Rule, normalise

# Rules that cover one URL and no other.
_ONE_URL = (ExactUrl, PathAndQuery, UrlHash)


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long sessions and their tokens live, in whole seconds."""

    ttl: int = 600  # of a token that is handed out anew all the time
    most: int = 14_400  # of a session, from the moment of the exchange
    renew: int = 300  # how long before its end a short-lived token has a successor

    def __post_init__(self) -> None:
        if not 1 <= self.renew <= self.ttl <= self.most:
            raise Misuse("a session is renewed within its tokens' life, and outlives them")


def session_claims(
    claims: Claims, *, path: str, asset_prefix: str | None, now: float, session_id: str, policy: SessionPolicy
) -> Claims:
    """The session that an admitted token begins at the manifest `path`; its token lives as long as the session.

    It opens what the token opened, for the same viewer under the same conditions, with one exception: a token for
    exactly this path or URL opens the asset's folder, `asset_prefix`, because nobody can play a manifest alone. None
    stands for a manifest that belongs to no asset, and nothing is added. The token's own expiry does not end the
    session; an absolute end that it sets does.
    """
    scope, urls = _opened(claims, path, asset_prefix)
    begun = floor(now)
    ends = begun + policy.most
    if claims.session_ends is not None:
        ends = min(ends, floor(claims.session_ends))
    return Claims(
        issuer=claims.issuer,
        subject=claims.subject,
        audience=claims.audience,
        issued_at=begun,
        expires=ends,
        token_id=claims.token_id,
        session_id=session_id,
        scope=scope,
        urls=urls,
        methods=claims.methods,
        networks=claims.networks,
        asns=claims.asns,
        conditions=claims.conditions,
        session_ends=ends,
        dialect=SESSION,
        extra=((ISSUED_FOR, claims.dialect),) if claims.dialect else (),
    )


def short_lived(session: Claims, now: float, policy: SessionPolicy) -> Claims:
    """The same session in a token that ends within `ttl`, and never after the session.

    It is the same one for every `now` of a step of the clock, so that what it is written into stays the same too; at
    least `renew` seconds of it are left.
    """
    step = max(1, policy.ttl - policy.renew)
    return _lasting(session, floor(now / step) * step, policy)


def successor(session: Claims, now: float, policy: SessionPolicy) -> Claims | None:
    """What a short-lived token of a session is replaced by in its last `renew` seconds; None before, and at the end."""
    if session.expires is None or session.session_ends is None or session.expires >= session.session_ends:
        return None
    return _lasting(session, floor(now), policy) if now >= session.expires - policy.renew else None


def _lasting(session: Claims, begun: int, policy: SessionPolicy) -> Claims:
    ends = session.session_ends
    if ends is None:
        raise Misuse("these are not the claims of a session")
    return replace(session, issued_at=begun, expires=min(begun + policy.ttl, ends), key_id=None, dialect=SESSION)


def _opened(claims: Claims, path: str, asset_prefix: str | None) -> tuple[PathScope | None, UrlRule | None]:
    scope, urls = claims.scope, claims.urls
    if asset_prefix is None:
        return scope, urls
    folder = PathScope.prefix(asset_prefix)
    only = (Rule.EXACT, normalise(path))
    is_one_path = scope is not None and [(each.rule, each.pattern) for each in scope.rules] == [only]
    if not isinstance(urls, _ONE_URL):
        return (folder if is_one_path else scope), urls
    if scope is None or is_one_path:
        return folder, None
    if not isinstance(urls, ExactUrl):
        return scope, urls
    # The paths that it names hold below the folder as well.
    return scope, UrlPrefixes((replace(Url.parse(urls.url), path=asset_prefix.rstrip("/") + "/", query="").text,))
