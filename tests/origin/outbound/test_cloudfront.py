"""What CloudFront is sent."""

from __future__ import annotations

import pytest
from lxml import etree

from origin.outbound.cloudfront import CloudFront
from origin.outbound.edge import Answer, Verdict
from origin.outbound.sigv4 import AwsKey
from tests.origin.outbound.recording import NOW, deliver, prefix, recording, tag, url

KEY = AwsKey("AKID", "cloudfront-secret")
NAMES = {"c": "http://cloudfront.amazonaws.com/doc/2020-05-31/"}


def paths(body: bytes) -> list[str]:
    root = etree.fromstring(body)
    found = [str(one.text) for one in root.findall("c:Paths/c:Items/c:Path", NAMES)]
    assert root.findtext("c:Paths/c:Quantity", namespaces=NAMES) == str(len(found))
    return found


def reference(body: bytes) -> str:
    return str(etree.fromstring(body).findtext("c:CallerReference", namespaces=NAMES))


async def test_paths_and_wildcards() -> None:
    async with recording((201, b"<Invalidation/>")) as server:
        edge = CloudFront("aws", "E123", KEY, server.base)
        purges = [
            url("/vod/a.ts?v=2&w=3"),
            url("/vod/star*"),
            prefix("/vod"),
            prefix("/live/seg-*"),
            prefix("/x*y"),
            prefix("/"),
            tag("t"),
        ]
        plan, verdicts = await deliver(edge, purges)
    assert server.lines == ["POST /2020-05-31/distribution/E123/invalidation"] * 2
    assert paths(server.asked[0].body) == ["/vod/a.ts?v=2&w=3", "/vod/star%2A", "/vod", "/x%2Ay"]
    assert paths(server.asked[1].body) == ["/vod/*", "/live/seg-*", "/x%2Ay/*", "/*"]
    assert server.asked[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/20270115/us-east-1/")
    assert server.asked[0].headers["content-type"] == "text/xml"
    assert verdicts == ["done"] * 2
    assert [one.value for one in plan.unsupported] == ["t"]


def test_the_same_purge_has_the_same_reference_and_no_other_has() -> None:
    edge = CloudFront("aws", "E123", KEY)
    many = [url(f"/{number}") for number in range(3500)]
    first, second = edge.plan(many, NOW).calls
    assert (first.purges, second.purges) == (3000, 500)
    again = edge.plan(many, NOW + 5).calls
    other = edge.plan(many[:3000], NOW).calls
    assert reference(first.body) == reference(again[0].body)
    assert len({reference(call.body) for call in (first, second, *other)}) == 3


def test_fifteen_wildcards_at_a_time() -> None:
    plan = CloudFront("aws", "E123", KEY).plan([prefix(f"/{number}*") for number in range(20)], NOW)
    assert [call.purges for call in plan.calls] == [15, 5]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(201), Verdict.DONE),
        (Answer(400, body=b"<Code>TooManyInvalidationsInProgress</Code>"), Verdict.LATER),
        (Answer(400, body=b"<Code>InvalidArgument</Code>"), Verdict.REFUSED),
        (Answer(403, body=b"TooManyInvalidationsInProgress"), Verdict.REFUSED),
        (Answer(503), Verdict.LATER),
    ],
)
def test_answers(answer: Answer, verdict: Verdict) -> None:
    assert CloudFront("aws", "E123", KEY).judge(answer) is verdict


def test_the_secret_is_not_shown() -> None:
    edge = CloudFront("aws", "E123", KEY)
    assert "secret" not in repr(edge) + repr(edge.plan([url("/x")], NOW))
