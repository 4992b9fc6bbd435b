"""The PURGE method, as caches have long been told by it: who may, and what is meant.

    PURGE /vod/a.ts             that path, whatever the query
    PURGE /vod/a.ts?v=2         that one URL
    PURGE /vod/a*               all URLs that begin so
    Surrogate-Key: a b          instead of the URL, all that carries one of these tags; also `xkey`, and
    Cache-Tag: a, b             with commas
    X-Purge-Mode: soft|hard     soft without it; also `Fastly-Soft-Purge: 1|0`

A purge comes straight from the address that is trusted with it. Most proxies hand any method on: one that believed
proxies do not vouch for and that bears the mark of having been handed on is a viewer's.
"""

from __future__ import annotations

import re

from cache.fleet.purging import Wanted
from cache.purges import PurgeMeaningless, Scope, canonical
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import Inbound, RefusedRequestError

METHOD = "PURGE"
MAX_TAGS = 1000

_HOPS = ("X-Forwarded-For", "Forwarded")
_HANDED_ON = (*_HOPS, "Via", "CDN-Loop", "X-Real-IP")
_SPACED = ("Surrogate-Key", "xkey", "xkey-purge")
_MODES = {"soft": True, "hard": False}
_FASTLY_MODES = {"1": True, "0": False}
_SPACES = re.compile(r"[ \t]+")


def wanted_by(inbound: Inbound, purgers: TrustedProxies) -> tuple[Wanted, ...]:
    """What a PURGE request asks for, in canonical spelling.

    `purgers` are the addresses that may purge. Raises `RefusedRequestError`: 405, as for any method that is not known,
    to everybody else, and 400 for what makes no sense.
    """
    if not _is_trusted(inbound, purgers):
        raise RefusedRequestError(405, "method_not_allowed", "the Allow field says which methods are")
    is_soft = _is_soft(inbound)
    tags = _tags(inbound)
    if tags is not None:
        return tuple(_wanted(Scope.TAG, tag, is_soft) for tag in tags)
    facts = inbound.facts
    url = f"{facts.path}?{facts.query}" if facts.query else facts.path
    return (_wanted(Scope.PREFIX if url.endswith("*") else Scope.URL, url, is_soft),)


def _is_trusted(inbound: Inbound, purgers: TrustedProxies) -> bool:
    if inbound.facts.client not in purgers:
        return False
    is_handed_on = any(name in inbound.fields for name in _HANDED_ON)
    is_vouched_for = inbound.is_from_proxy and any(name in inbound.fields for name in _HOPS)
    return is_vouched_for or not is_handed_on


def _is_soft(inbound: Inbound) -> bool:
    mode = inbound.field("X-Purge-Mode")
    if mode is not None:
        return _one_of(_MODES, mode.lower(), "X-Purge-Mode is soft or hard")
    fastly = inbound.field("Fastly-Soft-Purge")
    return True if fastly is None else _one_of(_FASTLY_MODES, fastly, "Fastly-Soft-Purge is 1 or 0")


def _one_of(known: dict[str, bool], value: str, rule: str) -> bool:
    if value.strip() not in known:
        raise _malformed(rule)
    return known[value.strip()]


def _tags(inbound: Inbound) -> list[str] | None:
    """The tags that are named; None when no field names tags. An empty field is a mistake, and not everything."""
    spaced = [value for name in _SPACED for value in inbound.fields.getall(name, ())]
    listed = inbound.fields.getall("Cache-Tag", ())
    if not spaced and not listed:
        return None
    tags = [tag for value in spaced for tag in _SPACES.split(value)]
    tags += [tag.strip() for value in listed for tag in value.split(",")]
    tags = list(dict.fromkeys(filter(None, tags)))
    if not 1 <= len(tags) <= MAX_TAGS:
        raise _malformed(f"a purge names 1 to {MAX_TAGS} tags")
    return tags


def _wanted(scope: Scope, value: str, is_soft: bool) -> Wanted:
    try:
        return Wanted(scope, canonical(scope, value), is_soft)
    except PurgeMeaningless as error:
        raise _malformed(str(error)) from None


def _malformed(detail: str) -> RefusedRequestError:
    return RefusedRequestError(400, "purge_malformed", detail)
