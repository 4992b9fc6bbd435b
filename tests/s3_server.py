"""A real S3 server (moto) of a session's own, on loopback, which checks signatures and can be killed and frozen."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from obstore.store import S3Store

from tests.redis_server import free_port

_START = 30.0  # seconds until a fresh server must answer
_STOP = 5.0
_LIFETIME = 900  # seconds; it ends by itself, should whoever started it be killed
_REGION = "eu-central-1"
_RUN = f"import signal, sys; signal.alarm({_LIFETIME}); from moto.server import main; sys.exit(main(sys.argv[1:]))"
_WHERE = f"<CreateBucketConfiguration><LocationConstraint>{_REGION}</LocationConstraint></CreateBucketConfiguration>"
_ALLOW_ALL = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


class S3Server:
    """One server process, in memory only, always on the same port. A new process has a new key and empty buckets."""

    BUCKETS = ("media", "other")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.key_id = ""
        self.secret = ""

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that hold the good key, as any S3 client reads them."""
        return {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": _REGION}

    def store(self, bucket: str = "media") -> S3Store:
        """A client that may write."""
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            region=_REGION,
            access_key_id=self.key_id,
            secret_access_key=self.secret,
            client_options={"allow_http": True},
        )

    def start(self) -> None:
        """Run the server, if it does not run, and return when it checks signatures."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            return
        arguments = [sys.executable, "-c", _RUN, "-H", "127.0.0.1", "-p", str(self.port)]
        with (self._folder / "moto.log").open("ab") as output:
            self._process = subprocess.Popen(
                arguments, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            self._wait(self._process)
            self._set_up()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process at once, as a crash would; idempotent."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process; it has nothing to put in order, and would wait for idle connections. Idempotent."""
        self.kill()

    def deny(self, action: str) -> None:
        """From now on the good key may do everything but `action`, e.g. `s3:ListBucket`; `allow_all` undoes it."""
        allow = json.loads(_ALLOW_ALL)
        allow["Statement"].append({"Effect": "Deny", "Action": action, "Resource": "*"})
        self._put_policy(json.dumps(allow))

    def allow_all(self) -> None:
        """Undo `deny`."""
        self._put_policy(_ALLOW_ALL)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "moto.log").read_text()
                raise RuntimeError(f"the S3 server did not start:\n{said[-2000:]}")
            time.sleep(0.05)

    def _set_up(self) -> None:
        for bucket in self.BUCKETS:
            self._ask("PUT", f"/{bucket}", _WHERE, service="s3", kind="application/xml")
        self._iam(Action="CreateUser", UserName="reader")
        answer = self._iam(Action="CreateAccessKey", UserName="reader")
        self.key_id = _between("AccessKeyId", answer)
        self.secret = _between("SecretAccessKey", answer)
        self.allow_all()

    def _put_policy(self, policy: str) -> None:
        self._check_signatures(after="inf")
        self._iam(Action="PutUserPolicy", UserName="reader", PolicyName="all", PolicyDocument=policy)
        self._check_signatures(after="0")

    def _check_signatures(self, *, after: str) -> None:
        self._ask("POST", "/moto-api/reset-auth", after, kind="text/plain")

    def _iam(self, **parameters: str) -> str:
        return self._ask("POST", "/", urlencode({"Version": "2010-05-08", **parameters}), service="iam")

    def _ask(
        self, method: str, path: str, body: str, *, service: str = "", kind: str = "application/x-www-form-urlencoded"
    ) -> str:
        fields = {"Content-Type": kind}
        if service:
            fields["Authorization"] = f"AWS4-HMAC-SHA256 Credential=setup/20260101/{_REGION}/{service}/aws4_request"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the S3 server refuses its set-up: {answer.status} {text[:500]}")
        return text

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_STOP)
        try:
            connection.request("GET", "/moto-api/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        if self._process is None:
            return
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _between(name: str, xml: str) -> str:
    found = re.search(f"<{name}>([^<]+)</{name}>", xml)
    assert found is not None
    return found[1]
