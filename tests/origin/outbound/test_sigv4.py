"""Signatures against those of AWS's own library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from origin.outbound.sigv4 import AwsKey, AwsScope, signed_fields
from tests.origin.outbound.recording import NOW

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "session/token=="
URLS = [
    "https://cloudfront.amazonaws.com/2020-05-31/distribution/E123/invalidation",
    "http://127.0.0.1:4566/a/b~c_d.e-f",
    "https://cloudfront.amazonaws.com/",
]


class _At(SigV4Auth):  # type: ignore[misc]
    """AWS's signer, at a time of the test's."""

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("body", [b"", b"<a>\xc3\xa9</a>"])
def test_it_signs_as_awss_library_does(url: str, token: str | None, body: bytes) -> None:
    request = AWSRequest("POST", url, data=body)
    _At(Credentials("AKID", SECRET, token), "cloudfront", "us-east-1").add_auth(request)
    ours = dict(
        signed_fields("POST", url, body, AwsKey("AKID", SECRET, token), AwsScope("us-east-1", "cloudfront"), NOW)
    )
    theirs = {name: value for name, value in request.headers.items() if name in ours}
    assert theirs == ours
    assert set(ours) == {"X-Amz-Date", "Authorization"} | ({"X-Amz-Security-Token"} if token else set())


def test_a_key_shows_no_secret() -> None:
    shown = repr(AwsKey("AKID", SECRET, TOKEN))
    assert "AKID" in shown
    assert SECRET not in shown
    assert TOKEN not in shown
