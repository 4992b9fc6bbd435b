"""What is learned about one request while it is answered; the access log and the metrics are made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from origin.media.kinds import Kind
from origin.serving.inbound import Inbound


@dataclass(slots=True)
class Exchange:
    """One request and its answer. Labels here are closed sets or configured names, never client text."""

    request_id: str
    inbound: Inbound | None = None
    mount: str = "-"
    kind: Kind = Kind.OTHER
    cache: str = ""
    reason: str = ""  # of a refusal or a failure
    dialect: str = ""
    uri_signing: str = ""  # the code of RFC 9246 §6.4, when a token of that format was judged
    token_id: str = ""
    session_id: str = ""
    edge: str = ""  # the proven edge that asks, by its configured name
    started_at: float = field(default_factory=time.perf_counter)
