"""Common Access Tokens and other people's implementations: they sign and we verify, we sign and they verify.

PyPI `cwt` knows envelopes and times; npm `@eyevinn/cat` knows claims. Where the latter lets more in than a token says,
our own tests of the dialect hold.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence

import cwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cwt.cose_key_interface import COSEKeyInterface

from auth.algorithms import Algorithm, PrivateKey
from auth.claims import Claims
from auth.dialects.cat import Cat, CatOptions
from auth.encoding import base64url_decode, base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Reason
from auth.keys import Key, KeyRing
from auth.renewal import Renewal, RenewalTransport
from auth.request import Request
from auth.rules.text_matches import MatchType, TextMatch
from auth.rules.uri_components import Component, UriComponents
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret
from tests.auth.samples import found, key_of
from tests.parts import find_part

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SECRET = bytes.fromhex("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388")
MAC_KEY = Key("Symmetric256", Algorithm.HS256, Secret(SECRET))
KEYS = [MAC_KEY, key_of(Algorithm.ES256), key_of(Algorithm.PS256), key_of(Algorithm.EDDSA)]
RING = KeyRing(KEYS)
CAT = Cat(CatOptions())
NOW = int(time.time())  # the peers have clocks of their own: what is good now is good for an hour, longer than any run

# Reads one JSON array of jobs and answers with one of results. The library prints to stdout, so it is sent elsewhere.
_NODE = """
import { CAT, HttpValidator } from "@eyevinn/cat";
import { readFileSync } from "node:fs";
console.log = console.error;
const { secret, kid, jobs } = JSON.parse(readFileSync(0, "utf8"));
const key = Buffer.from(secret, "hex");
const maker = new CAT({ keys: { [kid]: key }, expectCwtTag: true });
const results = [];
for (const job of jobs) {
  if (job.mint) {
    results.push(await maker.generateFromJson(job.mint, { type: "mac", alg: "HS256", kid, generateCwtId: true }));
    continue;
  }
  const options = { keys: [{ kid, key }], issuer: job.issuer, audience: job.audience, autoRenewEnabled: false };
  const url = new URL(job.url);
  const request = { method: job.method, url: url.pathname + url.search, headers: { host: url.host, ...job.headers } };
  results.push((await new HttpValidator(options).validateHttpRequest(request)).status);
}
process.stdout.write(JSON.stringify(results));
"""


def node(jobs: Sequence[object]) -> list[object]:
    """What npm `@eyevinn/cat` makes of the jobs."""
    folder, program = find_part("peers"), find_part("node")
    assert folder is not None
    assert program is not None
    done = subprocess.run(
        [str(program), "--input-type=module", "-e", _NODE],
        cwd=folder,
        input=json.dumps({"secret": SECRET.hex(), "kid": MAC_KEY.id, "jobs": jobs}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[object] = json.loads(done.stdout)
    return results


def peer_key(key: Key, *, private: bool) -> COSEKeyInterface:
    """The same key for PyPI `cwt`."""
    if isinstance(key.material, Secret):
        return cwt.COSEKey.from_symmetric_key(key.material.reveal(), alg="HS256", kid=key.id)
    material = key.signing if private else key.verifying
    assert not isinstance(material, Secret | None)
    if private:
        signer: PrivateKey = material  # type: ignore[assignment]
        pem = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        pem = key.material.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[union-attr]
    return cwt.COSEKey.from_pem(pem, kid=key.id, alg=key.algorithm.value)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm.value)
def test_tokens_of_pypi_cwt(key: Key) -> None:
    payload = {1: "edge.example", 4: NOW + 3600, 5: NOW - 60, 6: NOW, 7: b"\x01", 312: {3: {1: "/vod/"}}, 313: ["GET"]}
    for tagged in (True, False):
        data = cwt.encode(payload, peer_key(key, private=True), tagged=tagged)
        read = CAT.verify(found(base64url_encode(data)), RING)
        assert read == Claims(
            issuer="edge.example",
            expires=NOW + 3600,
            not_before=NOW - 60,
            issued_at=NOW,
            token_id="01",
            scope=PathScope.prefix("/vod/"),
            methods=frozenset({"GET"}),
            key_id=key.id,
            dialect="cat",
        )


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm.value)
def test_our_tokens_for_pypi_cwt(key: Key) -> None:
    claims = Claims(issuer="edge.example", expires=NOW + 3600, issued_at=NOW, scope=PathScope.prefix("/vod/"))
    data = base64url_decode(CAT.mint(claims, key).reveal())
    read = cwt.decode(data, peer_key(key, private=False))
    assert read == {1: "edge.example", 4: NOW + 3600, 6: NOW, 310: 1, 312: {3: {1: "/vod/"}}}
    with pytest.raises(cwt.CWTError):
        cwt.decode(data[:-1] + bytes([data[-1] ^ 1]), peer_key(key, private=False))


FULL = Claims(
    issuer="edge.example",
    subject="viewer",
    audience=("edge",),
    expires=NOW + 3600,
    issued_at=NOW,
    token_id="00ff",
    scope=PathScope((PathRule(Rule.PREFIX, "/vod/"),)),
    urls=UriComponents(
        (
            (Component.SCHEME, (TextMatch(MatchType.EXACT, "https"),)),
            (Component.HOST, (TextMatch(MatchType.EXACT, "cdn.example"),)),
        )
    ),
    methods=frozenset({"GET", "HEAD"}),
    renewal=Renewal(RenewalTransport.COOKIE, 120, 60, "CAT", cookie_attributes=("Path=/", "Secure")),
)
URL = "https://cdn.example/vod/a.ts?x=1"

# How a request differs from one that is let in → whether it is let in, and why not.
ASKED: list[tuple[Claims, dict[str, object], Reason | None]] = [
    (FULL, {}, None),
    (FULL, {"url": "https://cdn.example/live/a.ts"}, Reason.OUT_OF_SCOPE),
    (FULL, {"url": "https://other.example/vod/a.ts"}, Reason.OUT_OF_SCOPE),
    (FULL, {"method": "POST"}, Reason.WRONG_METHOD),
    (FULL, {"issuer": "other.example"}, Reason.WRONG_ISSUER),
    (FULL, {"audience": ["other"]}, Reason.WRONG_AUDIENCE),
    (Claims(issuer="edge.example", issued_at=NOW - 99, expires=NOW - 9), {"audience": []}, Reason.EXPIRED),
    (Claims(issuer="edge.example", not_before=NOW + 3600, expires=NOW + 7200), {"audience": []}, Reason.NOT_YET_VALID),
    (
        Claims(
            issuer="edge.example",
            expires=NOW + 3600,
            urls=UriComponents(((Component.EXTENSION, (TextMatch(MatchType.EXACT, ".ts"),)),)),
        ),
        {"audience": []},
        None,
    ),
]


def ours(token: str, job: dict[str, object]) -> Reason | None:
    """What we make of a job for the peer."""
    location, _, query = str(job["url"]).partition("?")
    origin, path = location[: location.index("/", 8)], location[location.index("/", 8) :]
    request = Request(str(job["method"]), "https", origin.removeprefix("https://"), path, query)
    audience: list[str] = job["audience"]  # type: ignore[assignment]
    policy = Policy(issuers=frozenset({str(job["issuer"])}), audiences=frozenset(audience), scope_required=False)
    try:
        objection = enforce(CAT.verify(found(token), RING), request, policy, NOW)
    except Denied as denied:
        return denied.reason
    return None if objection is None else objection.reason


@pytest.mark.needs("node", "peers")
def test_our_tokens_for_node_cat() -> None:
    """It refuses what we refuse, and lets in what we let in, by header and by query."""
    jobs: list[dict[str, object]] = []
    for claims, change, reason in ASKED:
        token = CAT.mint(claims, MAC_KEY).reveal()
        job: dict[str, object] = {"url": URL, "method": "GET", "issuer": "edge.example", "audience": ["edge"]} | change
        assert ours(token, job) is reason
        jobs.append(job | {"headers": {"cta-common-access-token": token}})
        url = str(job["url"])
        jobs.append(job | {"headers": {}, "url": f"{url}{'&' if '?' in url else '?'}cat={token}"})
    expected = [200 if reason is None else 401 for _, _, reason in ASKED for _ in range(2)]
    assert node(jobs) == expected


@pytest.mark.needs("node", "peers")
def test_an_altered_token_for_node_cat() -> None:
    token = CAT.mint(FULL, Key("Symmetric256", Algorithm.HS256, Secret(b"x" * 32))).reveal()
    job = {"url": URL, "method": "GET", "issuer": "edge.example", "audience": ["edge"]}
    (status,) = node([job | {"headers": {"cta-common-access-token": token}}])
    assert status != 200
    assert ours(token, dict(job)) is Reason.BAD_SIGNATURE


@pytest.mark.needs("node", "peers")
def test_tokens_of_node_cat() -> None:
    (token,) = node(
        [
            {
                "mint": {
                    "iss": "edge.example",
                    "sub": "viewer",
                    "aud": "edge",
                    "exp": NOW + 3600,
                    "iat": NOW,
                    "catv": 1,
                    "catu": {
                        "scheme": {"exact-match": "https"},
                        "host": {"exact-match": "cdn.example"},
                        "path": {"prefix-match": "/vod/"},
                    },
                    "catm": ["GET", "HEAD"],
                    "catr": {
                        "type": "cookie",
                        "expadd": 120,
                        "deadline": 60,
                        "cookie-name": "CAT",
                        "cookie-params": ["Path=/", "Secure"],
                    },
                }
            }
        ]
    )
    read = CAT.verify(found(str(token)), RING)
    wanted = {name: getattr(FULL, name) for name in ("issuer", "subject", "audience", "expires", "scope", "urls")}
    assert {name: getattr(read, name) for name in wanted} == wanted
    assert (read.methods, read.renewal) == (FULL.methods, FULL.renewal)
    assert read.token_id is not None
