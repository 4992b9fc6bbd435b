"""Answers for everything that is not a manifest: one open object, one decision, no copy."""

from __future__ import annotations

from origin.edge.admission import Admission
from origin.edge.boundaries import boundary_for
from origin.edge.lifetimes import Audience, lifetime_headers
from origin.edge.mount import Mount
from origin.http.conditions import Conditions
from origin.http.etags import version_etag
from origin.http.reply import Reply
from origin.http.represent import Representation, represent
from origin.media.target import Target
from origin.serving.inbound import Inbound
from origin.storage.store import StoredObject


async def answer_object(
    mount: Mount, target: Target, admission: Admission, inbound: Inbound, now: float
) -> Reply | None:
    """The reply, or None when there is no such object. Raises `StoreError`."""
    content = mount.objects.peek(target.path) or await mount.objects.open(target.path)
    if content is None:
        return None
    reply: Reply | None = None
    try:
        conditions = Conditions.from_fields(inbound.facts.headers)
        reply = object_reply(mount, target, admission.audience, inbound.method, conditions, content, now)
        return reply
    finally:
        if reply is None or reply.content is not content:
            content.release()


def object_reply(
    mount: Mount,
    target: Target,
    audience: Audience,
    method: str,
    conditions: Conditions,
    content: StoredObject,
    now: float,
) -> Reply:
    """The reply to a GET or HEAD from what is open; it owns `content` exactly when `reply.content` is that."""
    representation = Representation(
        source=content,
        content_type=target.content_type,
        etag=version_etag(content.info.etag_source),
        modified=content.info.modified,
        headers=lifetime_headers(target.kind, audience, mount.policy),
    )
    return represent(method, conditions, representation, now, boundary_for(conditions))
