"""CloudFront: `CreateInvalidation` of a distribution."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cache.purges import Purge, Scope
from origin.outbound.edge import Answer, Call, Plan, Verdict, batches, globs_of, judged, split_by_scope
from origin.outbound.sigv4 import AwsKey, AwsScope, signed_fields

_PATHS_AT_ONCE = 3000
_GLOBS_AT_ONCE = 15  # in progress at a time, in one distribution
_SCOPE = AwsScope("us-east-1", "cloudfront")
_BUSY = b"TooManyInvalidationsInProgress"


@dataclass(frozen=True, slots=True)
class CloudFront:
    """One distribution. What is purged there is gone, soft or not; a URL without a query means itself alone there."""

    name: str
    distribution: str
    key: AwsKey = field(repr=False)
    base: str = "https://cloudfront.amazonaws.com"

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """See `Edge`."""
        scopes = split_by_scope(purges)
        # A "*" at the end of a path is a wildcard there, one that belongs to a URL is escaped.
        paths = [one.value.replace("*", "%2A") for one in scopes[Scope.URL]]
        globs: list[str] = []
        for one in scopes[Scope.PREFIX]:
            for glob in globs_of(one.value):
                kept = glob.removesuffix("*").replace("*", "%2A")
                (globs if glob.endswith("*") else paths).append(kept + "*" * glob.endswith("*"))
        groups = [
            *batches(list(dict.fromkeys(paths)), _PATHS_AT_ONCE),
            *batches(list(dict.fromkeys(globs)), _GLOBS_AT_ONCE),
        ]
        reference = hashlib.sha256("\0".join(one.id for one in purges).encode()).hexdigest()[:32]
        calls = tuple(self._call(group, f"{reference}-{number}", now) for number, group in enumerate(groups))
        return Plan(calls, tuple(scopes[Scope.TAG]))

    def judge(self, answer: Answer) -> Verdict:
        """See `Edge`. Too many at once is a 400 there, and passes."""
        return Verdict.LATER if answer.status == 400 and _BUSY in answer.body else judged(answer)

    def _call(self, paths: Sequence[str], reference: str, now: float) -> Call:
        items = "".join(f"<Path>{escape(path)}</Path>" for path in paths)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
            f"<Paths><Quantity>{len(paths)}</Quantity><Items>{items}</Items></Paths>"
            f"<CallerReference>{reference}</CallerReference></InvalidationBatch>"
        ).encode()
        url = f"{self.base}/2020-05-31/distribution/{self.distribution}/invalidation"
        fields = (*signed_fields("POST", url, body, self.key, _SCOPE, now), ("Content-Type", "text/xml"))
        return Call("POST", url, fields, body, len(paths))
