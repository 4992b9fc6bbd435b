"""From what somebody wants signed to what a client sends: the defaults that a person would choose.

A format that cannot say what nobody asked for goes without it; what was asked for is said, or nothing is signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auth.carriage import Signed, Transport
from auth.claims import Claims
from auth.errors import Misuse
from auth.gate import Gate
from auth.keys import Rings
from auth.rules.url import ExactUrl, UrlPrefixes, UrlRule
from auth.scope import PathScope, normalise


@dataclass(frozen=True, slots=True)
class Wish:
    """A URL to be signed, and all that its token shall say. A scope of None covers the directory the URL is in."""

    url: str  # absolute, or a path; a token that it carries is replaced
    claims: Claims
    transport: Transport = Transport.QUERY


@dataclass(frozen=True, slots=True)
class Customs:
    """What a token says besides, where its format can: by the habits of whoever signs."""

    token_id: str  # fresh and unguessable
    issuer: str | None = None
    audience: tuple[str, ...] = ()


def fulfil(gate: Gate, wish: Wish, customs: Customs, rings: Rings, now: float) -> Signed:
    """What a client sends to get the wished URL. Misuse when its token would not be admitted or cannot be made."""
    first: Misuse | None = None
    for claims in _offers(gate, wish, customs, now):
        try:
            return gate.issue(wish.url, claims, rings, now, wish.transport)
        except Misuse as error:
            first = first or error
    raise first or Misuse("nothing to sign")


def _offers(gate: Gate, wish: Wish, customs: Customs, now: float) -> Iterator[Claims]:
    """The most telling claims first; all of them say what was asked for, and cover the URL."""
    asked, path = wish.claims, gate.bare_path(wish.url)
    covering = replace(asked, scope=_scope(gate.realm.prefix, path, asked.scope))
    told = replace(covering, issued_at=asked.issued_at or float(int(now)), token_id=asked.token_id or customs.token_id)
    yield replace(told, issuer=told.issuer or customs.issuer, audience=told.audience or customs.audience)
    yield covering
    if asked.scope is None and asked.urls is None:
        for scope in _narrower(path):
            yield replace(asked, scope=scope, issued_at=told.issued_at)
            yield replace(asked, scope=scope)
        yield from (replace(asked, urls=rule) for rule in _rules(gate, wish))
        yield asked


def _narrower(path: str) -> Iterator[PathScope]:
    """The directory as a pattern, where no star of its own would be one, and the path alone."""
    if "*" not in path:
        yield PathScope.glob(path.rpartition("/")[0] + "/**")
    yield PathScope.exact(path)
    if directory := path.rpartition("/")[0]:
        yield PathScope.prefix(directory)


def _rules(gate: Gate, wish: Wish) -> Iterator[UrlRule]:
    """The directory and the URL alone, for formats that know nothing but absolute URLs.

    A token in the path may open all that lies below the place where it stands, which is the mount.
    """
    bare = gate.bare_url(wish.url)
    if bare is not None:
        yield UrlPrefixes((replace(bare, path=bare.path.rpartition("/")[0] + "/", query="").text,))
        yield ExactUrl(bare.text)
        if wish.transport is Transport.PATH:
            yield UrlPrefixes((replace(bare, path=gate.realm.prefix.rstrip("/") + "/", query="").text,))


def _scope(mount: str, path: str, given: PathScope | None) -> PathScope:
    directory = path.rpartition("/")[0] + "/"
    if given is None and not directory.startswith(f"{mount.rstrip('/')}/"):
        raise Misuse(f"{mount} is the mount itself; sign the URL of something below it")
    scope = given or PathScope.prefix(directory)
    if not scope.covers(normalise(path)):
        raise Misuse("the token would not cover the URL itself")
    return scope
