"""The one table from what went wrong to what a client is told, and who may remember it.

A refusal never says more than its reason. No refusal of a token may be stored by a cache: the next viewer's token is
another one. What is not in the table is a defect and becomes a 500 elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from auth.errors import Denied, Reason
from auth.remedy import Remedied
from origin.http.caching import CACHE_NAME, CacheStatus, Forward, cache_status
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Header, Reply
from origin.manifests.template import Malformed
from origin.media.target import Refusal, Refused
from origin.serving.inbound import RefusedRequestError
from origin.shield.manifests import UpstreamFailed
from origin.storage.store import StoreError
from origin.upstream.origin_server import Trouble, UpstreamError

# What a client should wait after a store has failed, in seconds: about a segment.
_RETRY_AFTER = "2"
_TOKEN_WORDS = {
    Reason.ABSENT: "A token is required here, and the request carries none.",
    Reason.EXPIRED: "The token has expired; ask for a new one.",
    Reason.STORE_UNAVAILABLE: "What must be remembered of tokens cannot be at the moment.",
}


def reply_to(error: Exception, methods: frozenset[str]) -> tuple[Reply, str] | None:
    """The reply and the stable reason for an error of the table, None for any other."""
    match error:
        case RefusedRequestError():
            allow = (("Allow", ", ".join(sorted(methods))),) if error.status == 405 else ()
            reply = problem_reply(Problem(error.status, error.reason, detail=error.detail), *allow)
            # A body or a tunnel may follow: nothing that comes on this connection can be trusted.
            return replace(reply, must_close=True), error.reason
        case Denied():
            return _denied(error), error.reason.value
        case Refused():
            status = 400 if error.reason is Refusal.MALFORMED else 404
            return problem_reply(Problem(status, error.reason.value, detail=error.detail)), error.reason.value
        case UpstreamFailed():  # a manifest's is no other answer than a segment's
            return _upstream(error.trouble), error.reason
        case StoreError():
            problem = Problem(503, error.reason, detail="The storage behind this path does not answer.")
            return problem_reply(problem, ("Retry-After", _RETRY_AFTER)), error.reason
        case UpstreamError():
            return _upstream(error.trouble), error.trouble.value
        case Malformed():
            problem = Problem(502, error.reason, detail="The manifest cannot be protected and is not served.")
            return problem_reply(problem), error.reason
        case _:
            return None


_UPSTREAM_STATUS = {
    Trouble.TIMED_OUT: 504,
    Trouble.LOOP: 508,  # RFC 8586 leaves it open; RFC 5842 §7.2 has the word for it
    Trouble.BUSY: 503,
}


def _upstream(trouble: Trouble) -> Reply:
    """502 for an upstream that gave no answer to pass on, unless there is a better word (RFC 9110 §15.6)."""
    problem = Problem(_UPSTREAM_STATUS.get(trouble, 502), trouble.value, detail="The upstream gave no good answer.")
    status = CacheStatus(CACHE_NAME, Forward.MISS, detail=trouble.value)
    return problem_reply(problem, ("Retry-After", _RETRY_AFTER), cache_status(status))


def _denied(denied: Denied) -> Reply:
    """401 when nothing was shown, 403 when what was shown is not enough (RFC 6750 §3.1, RFC 9110 §15.5).

    503 when that is not known: the same token may do in a moment. What an authentic token asks to be answered instead
    is done: its dialect lets no status and no place through that is not allowed.
    """
    detail = _TOKEN_WORDS.get(denied.reason, denied.detail or "The token does not allow this request.")
    if isinstance(denied, Remedied):
        return _problem(denied.remedy.status, denied.reason, detail, denied.remedy.location)
    if denied.reason is Reason.ABSENT:
        return _problem(401, denied.reason, detail)
    if denied.reason is Reason.STORE_UNAVAILABLE:
        return problem_reply(Problem(503, denied.reason.value, detail=detail), ("Retry-After", _RETRY_AFTER))
    return _problem(403, denied.reason, detail)


def _problem(status: int, reason: Reason, detail: str, location: str = "") -> Reply:
    fields: tuple[Header, ...] = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
    fields += (("Location", location),) if location else ()
    return problem_reply(Problem(status, reason.value, detail=detail), *fields)
