"""A server that runs: what it is asked for, after a look at one of its answers."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from benchmarks.load.contenders import Contender, Start
from benchmarks.load.fixtures import PLAYLIST_SEGMENTS
from benchmarks.load.rows import PLAYLIST, Row, Site


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Message
    body: bytes


@dataclass(slots=True)
class Started:
    """A started contender."""

    contender: Contender
    start: Start
    pid: int
    behind: int | None  # process behind it
    requests: dict[str, Path] = field(default_factory=dict)  # by row

    def write_requests(self, row: Row) -> None:
        """Make the file of a row's requests; a row that measures error pages measures nothing: RuntimeError."""
        link = self.contender.signed if row.signed else self.contender.unsigned
        targets = [link(viewer, path) for viewer, path in row.asks()]
        fields = dict([row.header] if row.header else [])
        if row.revalidates:
            fields["If-None-Match"] = self._ask(targets[0], {}).headers["ETag"]
        self._check(row, targets[0], fields)
        more = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        host = f"127.0.0.1:{self.start.port}"
        file = self.start.workdir / f"requests {row.name}.txt"
        with file.open("w", newline="") as out:
            out.writelines(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n" for target in targets)
        self.requests[row.name] = file

    def _ask(self, target: str, fields: dict[str, str]) -> _Answer:
        scheme = "https" if self.start.site is Site.TLS else "http"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it signed itself a minute ago
        request = urllib.request.Request(f"{scheme}://127.0.0.1:{self.start.port}{target}", headers=fields)
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return _Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:  # 304 among them
            with error:
                return _Answer(error.code, error.headers, error.read())

    def _check(self, row: Row, target: str, fields: dict[str, str]) -> None:
        answer = self._ask(target, fields)
        if answer.status != row.status or row.body_bytes not in {None, len(answer.body)}:
            raise RuntimeError(f"it answers {answer.status} with {len(answer.body)} bytes")
        query = target.partition("?")[2].encode()
        is_rewritten = row.signed and PLAYLIST in target and self.contender.rewrites
        if is_rewritten and answer.body.count(query) <= PLAYLIST_SEGMENTS:
            raise RuntimeError("its playlist does not carry the viewer's token")
