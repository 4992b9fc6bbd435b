"""The `url-sig` dialect: the contract in both forms, Traffic Server's URLs, and what is read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.url_sig import CARRIAGE, UrlSig, UrlSigAlgorithm, UrlSigForm, UrlSigOptions
from auth.encoding import base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.gate import Gate
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac
from auth.realm import Accepted, Realm
from auth.request import Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import NOW, get
from tests.contracts.dialect import MOUNT, DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "url-sig.json").read_text())
RING = KeyRing(Key(name, Algorithm.SHARED, Secret(text.encode())) for name, text in VECTORS["keys"].items())
SECRET = Secret(b"0123456789abcdef0123456789abcdef")
KEY = Key("key3", Algorithm.SHARED, SECRET)
BOTH = UrlSigOptions(algorithms=(UrlSigAlgorithm.SHA1, UrlSigAlgorithm.MD5))
SIG = UrlSig(UrlSigOptions())
URL = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


def requested(url: str, client: str | None = None) -> Request:
    where = Url.parse(url)
    address = None if client is None else ip_address(client)
    return Request("GET", where.scheme, where.authority, where.path, where.query, client=address)


def located(path: str = "/vod/film/a.ts", query: str = "", dialect: UrlSig = SIG) -> Found | None:
    return dialect.locate(get(path, query), CARRIAGE, MOUNT)


def signed(fields: str, path: str = "cdn.example/vod/film/a.ts", key: Secret = SECRET, using: Hash = Hash.SHA1) -> str:
    return fields + mac(key, f"{path}?{fields}".encode(), using).hex()


class TestContract(DialectContract):
    name = "url-sig"
    key = KEY
    other_key = Key("key3", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = None
    claims = Claims(expires=NOW + 60, networks=(ip_network("192.0.2.7/32"),), urls=ExactUrl(URL.text))
    url = URL.text
    transports = (Transport.QUERY,)


class TestContractWithOldHash(TestContract):
    options = UrlSigOptions(algorithms=(UrlSigAlgorithm.MD5,), parts="0110")


class TestContractInAPath(TestContract):
    options = UrlSigOptions(form=UrlSigForm.PATH)
    claims = Claims(
        expires=NOW + 60,
        networks=(ip_network("2001:db8::7/128"),),
        urls=UrlPrefixes(("https://cdn.example/vod/film/",)),
    )
    transports = (Transport.PATH,)


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["url"][:90])
def test_what_traffic_server_accepts(vector: Mapping[str, Any]) -> None:
    realm = Realm("/", (Accepted("url-sig", CARRIAGE, BOTH),))
    grant = Gate(realm).admit(requested(vector["url"], "127.0.0.1"), RING, NOW)
    bare = Url.parse(vector["bare"])
    assert (grant.path, grant.query) == (bare.path, bare.query)
    assert (grant.claims.expires, grant.claims.key_id) == (vector["expires"], vector["key"])
    networks = None if vector["client"] is None else (ip_network(vector["client"]),)
    assert grant.claims.networks == networks


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["url"][:90])
def test_from_another_address_or_with_another_key(vector: Mapping[str, Any]) -> None:
    gate = Gate(Realm("/", (Accepted("url-sig", CARRIAGE, BOTH),)))
    others = KeyRing(Key(name, Algorithm.SHARED, SECRET) for name in VECTORS["keys"])
    with pytest.raises(Denied) as caught:
        gate.admit(requested(vector["url"], "127.0.0.1"), others, NOW)
    assert caught.value.reason is Reason.BAD_SIGNATURE
    if vector["client"] is not None:
        with pytest.raises(Denied) as caught:
            gate.admit(requested(vector["url"], "127.0.0.2"), RING, NOW)
        assert caught.value.reason is Reason.WRONG_NETWORK


@pytest.mark.parametrize(
    ("now", "reason"), [(NOW, None), (NOW + 0.999, None), (NOW + 1, Reason.EXPIRED), (NOW + 9, Reason.EXPIRED)]
)
def test_at_its_end_a_url_is_still_good(now: float, reason: Reason | None) -> None:
    gate = Gate(Realm("/vod", (Accepted("url-sig", CARRIAGE),)))
    request = get(query=signed(f"E={NOW}&A=1&K=3&P=1&S="))
    if reason is None:
        assert gate.admit(request, KeyRing([KEY]), now).query == ""
        return
    with pytest.raises(Denied) as caught:
        gate.admit(request, KeyRing([KEY]), now)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("parts", "host", "path", "is_good"),
    [
        ("1", "cdn.example", "/vod/film/b.ts", False),
        ("1", "other.example", "/vod/film/a.ts", False),
        ("01", "other.example", "/vod/film/a.ts", True),
        ("01", "other.example", "/vod/film/b.ts", False),
        ("1110", "cdn.example", "/vod/film/b.ts", True),
        ("1110", "cdn.example", "/vod/other/b.ts", False),
        ("010", "other.example", "/vod/x/b.ts", True),
        ("110", "cdn.example", "/other/film/a.ts", False),
    ],
)
def test_what_is_not_selected_is_free(parts: str, host: str, path: str, is_good: bool) -> None:
    dialect = UrlSig(UrlSigOptions(parts=parts))
    token = dialect.mint(Claims(expires=NOW), KEY, Url.parse("https://cdn.example/vod/film/a.ts"))
    elsewhere = Request("GET", "https", host, path, token.reveal())
    found = dialect.locate(elsewhere, CARRIAGE, MOUNT)
    assert found is not None
    if is_good:
        assert dialect.verify(found, KeyRing([KEY])).urls == ExactUrl(f"https://{host}{path}")
        return
    with pytest.raises(Denied) as caught:
        dialect.verify(found, KeyRing([KEY]))
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_a_query_before_the_token_is_signed_and_kept() -> None:
    token = SIG.mint(Claims(expires=NOW), KEY, URL).reveal()
    found = located(query=f"x=1&{token}")
    assert found is not None
    assert (found.query, SIG.verify(found, KeyRing([KEY])).urls) == ("x=1", ExactUrl(URL.text))
    other = located(query=f"x=2&{token}")
    assert other is not None
    with pytest.raises(Denied):
        SIG.verify(other, KeyRing([KEY]))


def test_a_token_in_a_path_opens_the_folder() -> None:
    dialect = UrlSig(UrlSigOptions(form=UrlSigForm.PATH))
    token = dialect.mint(Claims(expires=NOW), KEY, URL)
    url = dialect.issue("/vod/film/a.ts?x=1#f", token, CARRIAGE, MOUNT, Transport.PATH).url
    assert url.endswith("/a.ts?x=1#f")
    for file in ("b.ts", "deep/c.ts"):
        found = located(url.partition("?")[0].replace("a.ts", file))
        assert found is not None
        assert found.path == f"/vod/film/{file}"
        urls = dialect.verify(found, KeyRing([KEY])).urls
        assert urls is not None
        assert urls.covers(replace(URL, path=found.path))
        assert not urls.covers(replace(URL, path="/vod/film"))


def test_an_address_outside_of_the_signature_is_refused() -> None:
    """Without a semicolon before it, C is the end of the folder's name, which these parts leave out."""
    fields = f"C=192.0.2.7;E={NOW};A=1;K=3;P=110;S="
    text = fields + mac(SECRET, f"cdn.example/vod{fields}".encode(), Hash.SHA1).hex()
    found = located(f"/vod/film;urlsig={base64url_encode(text.encode())}/a.ts")
    assert found is not None
    with pytest.raises(Denied) as caught:
        SIG.verify(found, KeyRing([KEY]))
    assert caught.value.reason is Reason.UNSUPPORTED


GOOD = f"E={NOW}&A=1&K=3&P=1&S=" + "0" * 40


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("/vod/a", GOOD + "&x=1", Reason.MALFORMED),
        ("/vod/a", GOOD.replace("A=1&K=3", "K=3&A=1"), Reason.MALFORMED),
        ("/vod/a", GOOD.upper().replace("0" * 40, "A" * 40), Reason.MALFORMED),
        ("/vod/a", GOOD.replace("K=3", "K=16"), Reason.MALFORMED),
        ("/vod/a", GOOD.replace("K=3", "K=03"), Reason.MALFORMED),
        ("/vod/a", GOOD.replace("A=1", "A=3"), Reason.MALFORMED),
        ("/vod/a", GOOD.replace("P=1", "P=2"), Reason.MALFORMED),
        ("/vod/a", GOOD.replace("E=", "E=-"), Reason.MALFORMED),
        ("/vod/a", "S=1", Reason.MALFORMED),
        ("/vod/a", "%53=1", Reason.MALFORMED),
        ("/vod/a", f"{GOOD}&{GOOD}", Reason.AMBIGUOUS),
        ("/vod/a", f"E=1&{GOOD}", Reason.AMBIGUOUS),
        ("/vod/a", f"x=1&%45=1&{GOOD}", Reason.AMBIGUOUS),
        ("/vod/a;urlsig=AAAA/b", GOOD, Reason.AMBIGUOUS),
        ("/vod/a;urlsig=AAAA;urlsig=AAAA/b", "", Reason.AMBIGUOUS),
        ("/vod/a;urlsig=A/b", "", Reason.MALFORMED),
        ("/vod/a;urlsig=_w/b", "", Reason.MALFORMED),
        (f"/vod/a;urlsig={'A' * 516}/b", "", Reason.TOO_LARGE),
    ],
)
def test_what_is_not_located(path: str, query: str, reason: Reason) -> None:
    with pytest.raises(Denied) as caught:
        located(path, query)
    assert caught.value.reason is reason


@pytest.mark.parametrize("query", ["E=1", "x=S=1", "", "C=1&A=2"])
def test_a_query_of_the_application_is_no_token(query: str) -> None:
    assert located(query=query) is None


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (signed(f"E={NOW}&A=2&K=3&P=1&S=", using=Hash.MD5), Reason.UNSUPPORTED),
        (signed(f"E={NOW}&A=1&K=3&P=0&S="), Reason.UNSUPPORTED),
        (signed(f"E={NOW}&A=1&K=4&P=1&S="), Reason.UNKNOWN_KEY),
        (signed(f"E={NOW}&A=1&K=5&P=1&S="), Reason.WRONG_ALGORITHM),
        (signed(f"E={NOW}&A=2&K=3&P=1&S="), Reason.MALFORMED),
        (signed(f"C=1.2.3&E={NOW}&A=1&K=3&P=1&S="), Reason.MALFORMED),
        (signed(f"E={NOW}&A=1&K=3&P=1&S=", key=Secret(b"y" * 16)), Reason.BAD_SIGNATURE),
    ],
)
def test_what_is_not_verified(query: str, reason: Reason) -> None:
    found = located(query=query)
    assert found is not None
    ring = KeyRing([KEY, Key("key5", Algorithm.HS256, SECRET)])
    with pytest.raises(Denied) as caught:
        SIG.verify(found, ring)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "claims",
    [
        Claims(),
        Claims(expires=NOW + 0.5),
        Claims(expires=0),
        Claims(expires=1e15),
        Claims(expires=NOW, networks=(ip_network("192.0.2.0/24"),)),
        Claims(expires=NOW, networks=()),
        Claims(expires=NOW, not_before=NOW - 9),
        Claims(expires=NOW, subject="viewer"),
        Claims(expires=NOW, methods=frozenset({"GET"})),
        Claims(expires=NOW, token_id="t", one_time=True),
        Claims(expires=NOW, urls=UrlPrefixes(("https://cdn.example/",))),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/other")),
    ],
)
def test_what_cannot_be_said_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        SIG.mint(claims, KEY, URL)


def test_what_restricts_nothing_may_stay_unsaid() -> None:
    claims = Claims(expires=NOW, issued_at=NOW - 9, token_id="audit", scope=PathScope.prefix("/vod/film"))
    assert SIG.mint(claims, KEY, URL).reveal().startswith(f"E={NOW - 1}&")


@pytest.mark.parametrize(
    ("key", "url", "options"),
    [
        (KEY, None, UrlSigOptions()),
        (Key("key16", Algorithm.SHARED, SECRET), URL, UrlSigOptions()),
        (Key("k", Algorithm.SHARED, SECRET), URL, UrlSigOptions()),
        (Key("key3", Algorithm.HS256, SECRET), URL, UrlSigOptions()),
        (KEY, Url.parse("https://cdn.example/a?SIZE=1"), UrlSigOptions()),
        (KEY, Url.parse("https://cdn.example/a"), UrlSigOptions(form=UrlSigForm.PATH)),
        (KEY, Url.parse("https://cdn.example/vod/%zz"), UrlSigOptions()),
    ],
)
def test_where_nothing_is_minted(key: Key, url: Url | None, options: UrlSigOptions) -> None:
    with pytest.raises(Misuse):
        UrlSig(options).mint(Claims(expires=NOW, scope=PathScope.prefix("/")), key, url)


@pytest.mark.parametrize(
    "options", [UrlSigOptions(parts="0"), UrlSigOptions(parts=""), UrlSigOptions(parts="12"), UrlSigOptions(())]
)
def test_options_that_make_no_sense(options: UrlSigOptions) -> None:
    with pytest.raises(Misuse):
        UrlSig(options)


def test_a_token_goes_where_its_form_belongs() -> None:
    token = SIG.mint(Claims(expires=NOW), KEY, URL)
    with pytest.raises(Misuse):
        SIG.issue("/vod/film/a.ts", token, CARRIAGE, MOUNT, Transport.PATH)
    in_path = UrlSig(UrlSigOptions(form=UrlSigForm.PATH)).mint(Claims(expires=NOW), KEY, URL)
    with pytest.raises(Misuse):
        SIG.issue("/vod/film/a.ts", in_path, CARRIAGE, MOUNT, Transport.QUERY)
    with pytest.raises(Misuse):
        SIG.issue("/vod/a.ts", in_path, CARRIAGE, MOUNT, Transport.PATH)


def test_a_description_has_every_field_but_the_signature() -> None:
    found = Found(Token(GOOD), Transport.QUERY, "/vod/a", "")
    assert SIG.describe(found) == (("E", str(NOW)), ("A", "1"), ("K", "3"), ("P", "1"))
