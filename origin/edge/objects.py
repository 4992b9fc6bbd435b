"""Answers for everything that is not a manifest: one open object, one decision, no copy."""

from __future__ import annotations

from origin.edge.admission import Admission
from origin.edge.boundaries import boundary_for
from origin.edge.lifetimes import lifetime_headers
from origin.edge.mount import Mount
from origin.http.conditions import Conditions
from origin.http.etags import version_etag
from origin.http.reply import Reply
from origin.http.represent import Representation, represent
from origin.media.target import Target
from origin.serving.inbound import Inbound


async def answer_object(
    mount: Mount, target: Target, admission: Admission, inbound: Inbound, now: float
) -> Reply | None:
    """The reply, or None when there is no such object. Raises `StoreError`."""
    content = mount.objects.peek(target.path) or await mount.objects.open(target.path)
    if content is None:
        return None
    reply: Reply | None = None
    try:
        representation = Representation(
            source=content,
            content_type=target.content_type,
            etag=version_etag(content.info.etag_source),
            modified=content.info.modified,
            headers=lifetime_headers(target.kind, admission.audience, mount.policy),
        )
        conditions = Conditions.from_fields(inbound.facts.headers)
        reply = represent(inbound.method, conditions, representation, now, boundary_for(conditions))
        return reply
    finally:
        if reply is None or reply.content is not content:
            content.release()
