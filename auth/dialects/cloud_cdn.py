"""Signed URLs, URL prefixes and cookies of Google's Cloud CDN: HMAC-SHA1 under a named key.

A key is a shared secret of 16 octets, which Google hands out in base64url; its id is the `KeyName`. Signatures are
base64url with their padding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from auth import carriage as rides
from auth import signed_urls
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.encoding import base64url_padded
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules.url import Url
from auth.secret import Secret, Token
from auth.signed_urls import Form

NAME = "cloud-cdn"
CARRIAGE = Carriage("Cloud-CDN-Cookie", frozenset({Transport.QUERY, Transport.COOKIE}))


@dataclass(frozen=True, slots=True)
class CloudCdnOptions(Options):
    """How a prefix is signed, which reading does not need to be told."""

    mint_cookies: bool = option(False, "Whether a prefix is signed for a cookie instead of for a URL's query.")


class CloudCdn:
    """The dialect `cloud-cdn`."""

    def __init__(self, options: CloudCdnOptions) -> None:
        """A dialect with these options."""
        self._options = options

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. The cookie goes by the carriage's name, the parameters by Google's."""
        found = signed_urls.locate_parameters(request) if Transport.QUERY in carriage.transports else None
        if found is not None or Transport.COOKIE not in carriage.transports:
            return found
        cookie = rides.locate(request, replace(carriage, transports=frozenset({Transport.COOKIE})), mount)
        return None if cookie is None else replace(cookie, bound=(Form.COOKIE.value, ""))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return path, signed_urls.take_parameters(query)[1] if Transport.QUERY in carriage.transports else query

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic signature: the URL or the prefix, and when it ends."""
        form, url = _bound(found)
        statement = signed_urls.parse_statement(found.token.reveal(), _joint(form))
        key = ring.find(statement.key_id)
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY)
        if key.algorithm is not Algorithm.SHARED or not isinstance(key.verifying, Secret):
            raise Denied(Reason.WRONG_ALGORITHM)
        message = signed_urls.message_of(statement, form, url)
        if not same(_signature(key.verifying, message), statement.signature):
            raise Denied(Reason.BAD_SIGNATURE)
        return Claims(expires=statement.ends(), urls=statement.rule(url), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A signature for one URL or one prefix, as the claims say."""
        if not isinstance(key.signing, Secret) or key.algorithm is not Algorithm.SHARED:
            raise Misuse("Cloud CDN signs with a shared secret")
        form, target = Form.URL, ""
        if signed_urls.prefix_of(claims) is not None:
            form = Form.COOKIE if self._options.mint_cookies else Form.PREFIX
        else:
            target = signed_urls.url_to_sign(claims, url)
        signed = signed_urls.write_statement(claims, key.id, form)
        joint = _joint(form)
        statement = _parsed(f"{signed}{joint}Signature=A", joint)
        signature = _signature(key.signing, signed_urls.message_of(statement, form, target))
        return Token(f"{signed}{joint}Signature={signature}")

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`. Misuse also for a transport that the token was not signed for."""
        if transport not in carriage.transports:
            raise Misuse(f"this realm does not take tokens by {transport}")
        if (transport is Transport.COOKIE) is not (":" in token.reveal()):
            raise Misuse("a prefix is signed for a cookie or for a query: see mint_cookies")
        if transport is Transport.COOKIE:
            return signed_urls.issue_cookie(url, carriage.name, token)
        if transport is Transport.QUERY:
            return signed_urls.issue_parameters(url, token)
        raise Misuse(f"Cloud CDN knows no tokens by {transport}")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Key, end and prefix."""
        form, _ = _bound(found)
        return signed_urls.described(signed_urls.parse_statement(found.token.reveal(), _joint(form)))


def _bound(found: Found) -> tuple[Form, str]:
    form, url = found.bound
    return Form(form), url


def _joint(form: Form) -> str:
    return ":" if form is Form.COOKIE else "&"


def _parsed(text: str, joint: str) -> signed_urls.Statement:
    try:
        return signed_urls.parse_statement(text, joint)
    except Denied as error:
        raise Misuse(f"the claims cannot be minted: {error}") from None


def _signature(secret: Secret, message: bytes) -> str:
    return base64url_padded(mac(secret, message, Hash.SHA1))
