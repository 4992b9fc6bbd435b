"""Responses that are for one request alone, passed on as they come."""

from __future__ import annotations

from dataclasses import dataclass

from cache import Outcome
from origin.http.caching import CACHE_NAME, CacheStatus, Forward
from origin.http.reply import Empty, Reply, Stream
from origin.shield.answering import passed_on
from origin.shield.asked import Asked
from origin.shield.bodies import passing
from origin.shield.landing import Single
from origin.shield.pulls import Pulls


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and how it came about."""

    reply: Reply
    outcome: Outcome


async def alone(pulls: Pulls, asked: Asked, single: Single | None, forward: Forward) -> Answered:
    """The answer from `single`, or from a request of its own where that is None or was claimed by somebody else.

    Raises `UpstreamError`.
    """
    incoming = None if single is None else single.claim()
    if single is None or incoming is None:
        return await alone(pulls, asked, await pulls.pass_on(asked), forward)
    status = CacheStatus(CACHE_NAME, forward=forward, forward_status=single.stored.status, detail=single.reason)
    reply = passed_on(asked, single.stored, status, Stream(passing(incoming), incoming.length, incoming.close))
    if isinstance(reply.body, Empty):
        await incoming.close()
    return Answered(reply, Outcome.BYPASS)
