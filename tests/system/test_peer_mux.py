"""npm `@mux/mux-node` signs and we verify; and what we sign, npm `jose` verifies as Mux describes it."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth import Algorithm, Claims, Gate, KeyRing, Realm
from auth.dialects import DIALECTS
from auth.dialects.mux import MuxOptions
from auth.errors import Denied, Reason
from auth.realm import Accepted
from auth.request import Request
from auth.scope import PathRule, PathScope, Rule
from origin.keystore.generate import new_key
from tests.parts import find_part

pytestmark = [pytest.mark.system, pytest.mark.needs("node", "peers")]

KEY = new_key(Algorithm.RS256, "k-1")
RING = KeyRing([KEY])
NOW = int(time.time())  # the peers have clocks of their own: what is good now is good for an hour, longer than any run

_NODE = """
import Mux from "@mux/mux-node";
import { importSPKI, jwtVerify } from "jose";
import { readFileSync } from "node:fs";
const { privateKey, publicKey, keyId, sign, verify } = JSON.parse(readFileSync(0, "utf8"));
const secret = Buffer.from(privateKey).toString("base64");
const mux = new Mux({ tokenId: "x", tokenSecret: "y", jwtSigningKey: keyId, jwtPrivateKey: secret });
const signed = [];
for (const type of sign) {
  signed.push(await mux.jwt.signPlaybackId("PLAYBACKID42", { type, expiration: "1h" }));
}
const key = await importSPKI(publicKey, "RS256");
const said = (await jwtVerify(verify, key, { algorithms: ["RS256"], audience: "v" })).payload;
process.stdout.write(JSON.stringify({ signed, said }));
"""


def gate(*kinds: str) -> Gate:
    return Gate(Realm("/vod", (Accepted("mux", DIALECTS["mux"].carriage, MuxOptions(kinds)),)))


def node(sign: list[str], verify: str) -> dict[str, Any]:
    folder, program = find_part("peers"), find_part("node")
    assert folder is not None
    assert program is not None
    assert isinstance(KEY.signing, RSAPrivateKey)
    private = KEY.signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = KEY.signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    job = {"privateKey": private, "publicKey": public, "keyId": KEY.id, "sign": sign, "verify": verify}
    done = subprocess.run(
        [str(program), "--input-type=module", "-e", _NODE],
        cwd=folder,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_both_ways() -> None:
    scope = PathScope((PathRule(Rule.PREFIX, "/vod/film"), PathRule(Rule.GLOB, "/vod/film.*")))
    ours = gate("v").mint(Claims(expires=NOW + 3600, subject="film", scope=scope), RING, NOW).reveal()
    results = node(["video", "thumbnail"], ours)
    assert results["said"] == {"kid": KEY.id, "sub": "film", "aud": "v", "exp": NOW + 3600}
    for kind, token in zip("vt", results["signed"], strict=True):
        asked = Request("GET", "https", "cdn.example", "/vod/PLAYBACKID42.m3u8", f"token={token}")
        assert gate(kind).admit(asked, RING, time.time() + 1).claims.subject == "PLAYBACKID42"
        with pytest.raises(Denied) as denied:
            gate("g").admit(asked, RING, time.time() + 1)
        assert denied.value.reason is Reason.WRONG_AUDIENCE
