"""The `secure-link` dialect: the contract in its modes, nginx's own examples, expressions, boundaries and traps."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.dialect import Dialect
from auth.dialects.secure_link import Mode, SecureLinkOptions, secure_link
from auth.encoding import base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET, key_of
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "secure-link.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
CARRIAGE = Carriage("md5", frozenset({Transport.QUERY, Transport.COOKIE, Transport.PATH}))
PLAIN = SecureLinkOptions(expression="$secure_link_expires$uri $secret")
HMAC = SecureLinkOptions(mode=Mode.HMAC_SHA256, expression="$uri|$arg_ts|$arg_e", expires_name="e")
FILM = Url.parse("https://cdn.example/vod/film/a.ts")


class TestContract(DialectContract):
    name = "secure-link"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    options = PLAIN
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)
    transports = (Transport.QUERY, Transport.COOKIE)


class TestContractOfDirectories(TestContract):
    options = SecureLinkOptions(expression="$secure_link_expires$directory $secret", directory_depth=2)
    claims = Claims(scope=PathScope.prefix("/vod/film/"), expires=NOW + 60)


class TestContractOfHmacs(TestContract):
    options = HMAC
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), issued_at=NOW, expires=NOW + 61)


class TestContractOfSecrets(DialectContract):
    name = "secure-link"
    key = KEY
    other_key = TestContract.other_key
    verify_only_key = TestContract.verify_only_key
    options = SecureLinkOptions(mode=Mode.OLD)
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"))
    transports = (Transport.PATH,)


def weak(secret: str) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret.encode()), allow_weak=True)])


def opened(dialect: Dialect, request: Request, ring: KeyRing = RING, carriage: Carriage = CARRIAGE) -> Claims:
    found = dialect.locate(request, carriage, "/vod")
    assert found is not None
    return dialect.verify(found, ring)


def refused(dialect: Dialect, request: Request, ring: KeyRing = RING, carriage: Carriage = CARRIAGE) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(dialect, request, ring, carriage)
    return caught.value.reason


def signed(options: SecureLinkOptions, claims: Claims, url: Url = FILM) -> Request:
    dialect = secure_link(options)
    parts = Url.parse(dialect.issue(url.text, dialect.mint(claims, KEY, url), CARRIAGE, "/vod", Transport.QUERY).url)
    return Request("GET", parts.scheme, parts.authority, parts.path, parts.query)


def test_the_documented_example() -> None:
    vector = VECTORS["md5"]
    dialect = secure_link(SecureLinkOptions(expression=vector["expression"]))
    request = Request("GET", "http", "h", vector["path"], vector["query"], client=ip_address(vector["client"]))
    claims = opened(dialect, request, weak(vector["secret"]))
    assert claims.expires == vector["expires"] + 1
    assert claims.scope == PathScope.exact(vector["path"])
    assert claims.networks == (ip_network(vector["client"]),)
    assert refused(dialect, replace(request, client=ip_address("127.0.0.2")), weak(vector["secret"])) == (
        Reason.BAD_SIGNATURE
    )
    assert refused(dialect, replace(request, client=None), weak(vector["secret"])) is Reason.WRONG_NETWORK


def test_the_documented_example_of_the_old_mode() -> None:
    vector = VECTORS["secret"]
    dialect = secure_link(SecureLinkOptions(mode=Mode.OLD))
    claims = opened(dialect, Request("GET", "http", "h", vector["path"]), weak(vector["secret"]))
    assert claims == Claims(scope=PathScope.exact(vector["bare"]), key_id="k", dialect="secure-link")
    assert dialect.strip(vector["path"], "", CARRIAGE, "/p") == (vector["bare"], "")


def test_an_hmac() -> None:
    vector = VECTORS["hmac"]
    dialect = secure_link(replace(HMAC, expression=vector["expression"]))
    request = Request("GET", "http", "h", vector["path"], vector["query"])
    claims = opened(dialect, request, weak(vector["secret"]), replace(CARRIAGE, name="st"))
    assert (claims.issued_at, claims.expires) == (vector["expires"] - 3600, vector["expires"] + 1)


@pytest.mark.parametrize(("now", "is_open"), [(NOW - 1, True), (NOW, True), (NOW + 0.9, True), (NOW + 1, False)])
def test_the_second_it_names_is_its_last(now: float, is_open: bool) -> None:
    request = signed(PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW + 1))
    assert f"expires={NOW}" in request.query
    objection = enforce(opened(secure_link(PLAIN), request), request, Policy(), now)
    assert (objection is None) is is_open


@pytest.mark.parametrize(
    "timestamp",
    [str(NOW), "2027-01-15T08:00:00+00:00", "2027-01-15T14:00:00+06:00", "Fri,%2015%20Jan%202027%2008:00:00%20GMT"],
)
def test_spellings_of_the_time_of_issue(timestamp: str) -> None:
    dialect = secure_link(HMAC)
    token = _hmac(f"{FILM.path}|{timestamp}|60")
    claims = opened(dialect, Request("GET", "https", "h", FILM.path, f"md5={token}&ts={timestamp}&e=60"))
    assert (claims.issued_at, claims.expires) == (NOW, NOW + 61)


@pytest.mark.parametrize(
    "timestamp",
    ["", "0", "-1", "2027-13-15T08:00:00+00:00", "2027-01-15T08:00:00Z", "Fri,%2015%20Foo%202027", "9" * 12],
)
def test_what_is_no_time_of_issue(timestamp: str) -> None:
    token = _hmac(f"{FILM.path}|{timestamp}|60")
    request = Request("GET", "https", "h", FILM.path, f"md5={token}&ts={timestamp}&e=60")
    assert refused(secure_link(HMAC), request) is Reason.MALFORMED


def test_a_lifetime_of_zero_has_no_end() -> None:
    request = Request("GET", "https", "h", FILM.path, f"md5={_hmac(f'{FILM.path}|{NOW}|0')}&ts={NOW}&e=0")
    assert opened(secure_link(HMAC), request).expires is None


def _hmac(message: str) -> str:
    return base64url_encode(mac(Secret(SECRET), message.encode(), Hash.SHA256))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SecureLinkOptions(expression="$secure_link_expires $secret"), "neither"),
        (SecureLinkOptions(expression="$uri$http_user_agent $secret"), "not known"),
        (SecureLinkOptions(expression="$uri $ $secret"), "begins no variable"),
        (SecureLinkOptions(expression="$uri ${secret"), "begins no variable"),
        (SecureLinkOptions(expression="$secure_link_expires$uri"), "belongs"),
        (SecureLinkOptions(expression="$directory $secret"), "go together"),
        (SecureLinkOptions(expression="$uri $secret", directory_depth=2), "go together"),
        (SecureLinkOptions(expression="$directory $secret", directory_depth=33), "go together"),
        (replace(HMAC, expression="$uri $secret $arg_ts $arg_e"), "belongs"),
        (replace(HMAC, expression="$uri|$arg_ts"), "leaves out"),
        (replace(HMAC, expression="$uri|$arg_e"), "leaves out"),
        (replace(HMAC, expression="$uri|$secure_link_expires|$arg_ts|$arg_e"), "as"),
    ],
)
def test_expressions_that_are_refused(options: SecureLinkOptions, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        secure_link(options)


@pytest.mark.parametrize("expression", ["${uri}x$secret", "$uri$secret$host$scheme$arg_User", "a $uri 100% $secret"])
def test_expressions_that_are_taken(expression: str) -> None:
    options = SecureLinkOptions(expression=expression)
    request = signed(options, Claims(scope=PathScope.exact(FILM.path)))
    assert opened(secure_link(options), request).expires is None


@pytest.mark.parametrize("query", ["user=ann", "x=1&USER=ann&y"])
def test_arguments_are_covered_whatever_the_case_of_their_names(query: str) -> None:
    options = SecureLinkOptions(expression="$uri$arg_user $secret")
    request = signed(options, Claims(scope=PathScope.exact(FILM.path)), replace(FILM, query=query))
    dialect = secure_link(options)
    assert opened(dialect, request).key_id == "k1"
    assert refused(dialect, replace(request, query=request.query.replace("ann", "bob"))) is Reason.BAD_SIGNATURE
    assert refused(dialect, replace(request, query=request.query + "&User=bob")) is Reason.AMBIGUOUS


@pytest.mark.parametrize(("field", "value"), [("scheme", "http"), ("authority", "other.example")])
def test_scheme_and_host_are_covered_where_they_are_named(field: str, value: str) -> None:
    options = SecureLinkOptions(expression="$scheme$host$uri $secret")
    request = signed(options, Claims(scope=PathScope.exact(FILM.path)))
    assert opened(secure_link(options), request).key_id == "k1"
    changed = replace(request, **{field: value})  # type: ignore[arg-type]
    assert refused(secure_link(options), changed) is Reason.BAD_SIGNATURE


def test_the_path_is_hashed_decoded() -> None:
    request = signed(PLAIN, Claims(scope=PathScope.exact("/vod/a%20b"), expires=NOW), replace(FILM, path="/vod/a%20b"))
    assert opened(secure_link(PLAIN), replace(request, path="/vod/%61%20b")).scope == PathScope.exact("/vod/a%20b")
    for path in ("/vod/x/../a%20b", "/vod//a%20b", "/vod/%2e/a%20b"):
        assert refused(secure_link(PLAIN), replace(request, path=path)) is Reason.OUT_OF_SCOPE


def test_a_directory() -> None:
    options = SecureLinkOptions(expression="$directory $secret", directory_depth=2)
    request = signed(options, Claims(scope=PathScope.prefix("/vod/film/")))
    dialect = secure_link(options)
    assert opened(dialect, replace(request, path="/vod/film/sub/b.ts")).scope == PathScope.prefix("/vod/film/")
    assert refused(dialect, replace(request, path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(dialect, replace(request, path="/vod/film")) is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize("query", ["&md5=x", "&expires=1", "&m%645=x", "&%65xpires=1"])
def test_a_parameter_twice(query: str) -> None:
    request = signed(PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW))
    assert refused(secure_link(PLAIN), replace(request, query=request.query + query)) is Reason.AMBIGUOUS


def test_padding_is_optional() -> None:
    request = signed(PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW))
    padded = replace(request, query=request.query.replace("&expires", "==&expires"))
    assert opened(secure_link(PLAIN), padded).expires == NOW


def test_an_expiry_that_is_missing() -> None:
    request = signed(PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW))
    assert refused(secure_link(PLAIN), replace(request, query=request.query.partition("&")[0])) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("options", "claims"),
    [
        (PLAIN, Claims(scope=PathScope.exact(FILM.path))),
        (PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW + 0.5)),
        (PLAIN, Claims(scope=PathScope.prefix("/vod"), expires=NOW)),
        (PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW, subject="x")),
        (PLAIN, Claims(scope=PathScope.exact(FILM.path), expires=NOW, networks=(ip_network("192.0.2.1"),))),
        (SecureLinkOptions(), Claims(scope=PathScope.exact(FILM.path), expires=NOW)),
        (SecureLinkOptions(), Claims(scope=PathScope.exact(FILM.path), networks=(ip_network("192.0.2.0/24"),))),
        (HMAC, Claims(scope=PathScope.exact(FILM.path), expires=NOW)),
        (SecureLinkOptions(mode=Mode.OLD), Claims(scope=PathScope.exact(FILM.path), expires=NOW)),
    ],
)
def test_what_a_link_cannot_say(options: SecureLinkOptions, claims: Claims) -> None:
    for url in (FILM, None):
        with pytest.raises(Misuse):
            secure_link(options).mint(claims, KEY, url)


def test_another_kind_of_key_does_not_sign() -> None:
    with pytest.raises(Misuse):
        secure_link(PLAIN).mint(Claims(), key_of(Algorithm.HS256), FILM)
