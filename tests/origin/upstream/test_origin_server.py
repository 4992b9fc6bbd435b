"""What an upstream's errors say."""

from __future__ import annotations

from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError


def test_an_error_has_its_reason_and_its_detail() -> None:
    error = UpstreamError(Trouble.TRUNCATED, "3 of 5 bytes")
    assert (str(error), error.trouble) == ("upstream_truncated: 3 of 5 bytes", Trouble.TRUNCATED)
    assert str(UpstreamError(Trouble.BUSY)) == "upstream_busy"


def test_a_request_shows_nothing_that_may_be_secret() -> None:
    assert repr(Outgoing("GET", "/x?token=secret", (("Authorization", "secret"),), b"secret")) == (
        "Outgoing(method='GET')"
    )
