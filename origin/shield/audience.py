"""Whether what was pulled for one request is for another one that waited for it."""

from __future__ import annotations

from origin.http.fields import values_of
from origin.httpcache.directives import request_directives
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import allows_authorization
from origin.shield.asked import Asked
from origin.shield.shelf import same_variant


def may_share(asked: Asked, stored: StoredResponse, policy: Policy) -> bool:
    """Whether a response that is kept for others may be given to `asked` too (RFC 9111 §3.5, §4.1)."""
    if not same_variant(stored, asked.fields):
        return False
    directives = policy.directives(stored.fields)
    if directives.private or directives.no_store:  # a 304 may say so of what was for all before
        return False
    return not _has_credentials(asked) or allows_authorization(directives)


def wants_its_own(asked: Asked) -> bool:
    """Whether it may be for its own sake that a response is for this request alone: others are not to suffer."""
    return _has_credentials(asked) or request_directives(asked.fields).no_store


def _has_credentials(asked: Asked) -> bool:
    return bool(values_of(asked.fields, "authorization"))
