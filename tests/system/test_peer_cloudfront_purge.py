"""Invalidations as a CloudFront API that is not ours understands them: moto's, which checks signatures."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.client import BaseClient
from botocore.session import Session

from cache.purges import Purge, Scope
from origin.outbound.cloudfront import CloudFront
from origin.outbound.edge import Verdict
from origin.outbound.sigv4 import AwsKey
from origin.outbound.transport import Transport
from tests.redis_server import free_port
from tests.system.processes import environment, wait_until

pytestmark = pytest.mark.system

_LIFETIME = 300  # seconds; it ends by itself, should whoever started it be killed
_RUN = f"import signal, sys; signal.alarm({_LIFETIME}); from moto.server import main; sys.exit(main(sys.argv[1:]))"
_ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cloudfront:*", "Resource": "*"}]}
_ORIGIN = {"Id": "o", "DomainName": "media.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}


class Api:
    """The server, one distribution in it, and a key that may purge it."""

    def __init__(self, base: str) -> None:
        self.base = base
        iam = self.client("iam", AwsKey("any", "any"))
        iam.create_user(UserName="purger")
        made = iam.create_access_key(UserName="purger")["AccessKey"]
        iam.put_user_policy(UserName="purger", PolicyName="purge", PolicyDocument=json.dumps(_ALLOW))
        self.key = AwsKey(made["AccessKeyId"], made["SecretAccessKey"])
        self._cloudfront = self.client("cloudfront", self.key)
        configuration = {
            "CallerReference": "1",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [_ORIGIN]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "allow-all",
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
                "MinTTL": 0,
            },
        }
        made = self._cloudfront.create_distribution(DistributionConfig=configuration)
        self.distribution: str = made["Distribution"]["Id"]
        self._check_signatures(after="0")

    def client(self, service: str, key: AwsKey) -> BaseClient:
        """AWS's own client."""
        return Session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.base,
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
        )

    def invalidated(self) -> list[str]:
        """The paths of every invalidation."""
        self._check_signatures(after="inf")
        listed = self._cloudfront.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        paths: list[str] = []
        for one in listed.get("Items", ()):
            found = self._cloudfront.get_invalidation(DistributionId=self.distribution, Id=one["Id"])
            paths += found["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]
        self._check_signatures(after="0")
        return paths

    def _check_signatures(self, *, after: str) -> None:
        """After so many requests."""
        kind, url = {"Content-Type": "text/plain"}, f"{self.base}/moto-api/reset-auth"
        request = urllib.request.Request(url, data=after.encode(), headers=kind, method="POST")
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    base = f"http://127.0.0.1:{(port := free_port())}"

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{base}/moto-api/data.json", timeout=5).close()
        except OSError:
            return False
        return True

    with (tmp_path / "moto.log").open("ab") as log:
        command = [sys.executable, "-c", _RUN, "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        wait_until(answers, "moto answers")
        yield Api(base)
    finally:
        process.kill()
        process.wait()


def purge(api: Api, key: AwsKey, *purges: Purge) -> list[Verdict]:
    """What the API says to each call."""

    async def send() -> list[Verdict]:
        edge, transport = CloudFront("aws", api.distribution, key, api.base), Transport(time_limit=30)
        try:
            calls = edge.plan(purges, time.time()).calls
            return [edge.judge(await transport.send(call)) for call in calls]
        finally:
            await transport.close()

    return asyncio.run(send())


def test_it_takes_invalidations_and_checks_who_signs_them(api: Api) -> None:
    purges = (
        Purge(Scope.URL, "/vod/a%20b.ts?v=2&w=3", True, 1.0, "p1"),
        Purge(Scope.PREFIX, "/live", True, 1.0, "p2"),
    )
    assert purge(api, AwsKey(api.key.id, "wrong"), *purges) == [Verdict.REFUSED] * 2
    assert api.invalidated() == []
    assert purge(api, api.key, *purges) == [Verdict.DONE] * 2
    assert sorted(api.invalidated()) == ["/live", "/live/*", "/vod/a%20b.ts?v=2&w=3"]
