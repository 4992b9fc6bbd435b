"""Google's Media CDN: signatures on URLs, prefixes, cookies and paths (Ed25519), and tokens (Ed25519 or HMAC).

A signature has the forms of `auth.signed_urls`, and one more: `/vod/edge-cache-token=Expires=…&KeyName=…&Signature=…/`
stands in a path, is not padded, signs the URL up to its own "&Signature", and opens what lies below. A token has fields
`name=value` joined by "~", closed by `Signature` (base64url, not padded) or `hmac` (lower-case hexadecimal):

    FullPath | PathGlobs | URLPrefix    what it opens: the path asked for, patterns, or URLs that begin so
    Starts  Expires                     Unix seconds; at `Expires` itself it has expired
    SessionID  Data                     the session, by which it can be revoked, and words of the issuer's own
    Headers                             names of request fields; their values are signed in their place
    IPRanges                            CIDR blocks, base64url; one that is none holds no client

Keys of signatures go by their `KeyName`. Tokens name none, so all keys of their algorithm are tried. Which algorithms
tokens may use is an option; whatever opens a URL by HMAC could be minted by whoever can verify it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from auth import carriage as rides
from auth import media_tokens, signed_urls
from auth.algorithms import ED25519_NAMES, Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import Claims
from auth.encoding import base64url_decode, base64url_encode, base64url_padded, base64url_padded_decode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.media_tokens import Seal
from auth.options import Options, option
from auth.primitives import Hash, is_signed, mac, same, sign
from auth.request import Request
from auth.rules.url import Url, UrlPrefixes, UrlRule
from auth.secret import Secret, Token
from auth.signed_urls import Form

NAME = "media-cdn"
CARRIAGE = Carriage("edge-cache-token", frozenset({Transport.PATH, Transport.QUERY, Transport.COOKIE}))

_FIELDS = "fields"
_PATH = "path"
_HASHES = {Seal.HMAC_SHA256: Hash.SHA256, Seal.HMAC_SHA1: Hash.SHA1}


class Kind(StrEnum):
    """What is minted; every kind is read."""

    TOKEN = "token"  # noqa: S105  # fields joined by "~", in the query or a cookie
    SIGNATURE = "signature"  # on a URL: of the URL, or of a prefix
    COOKIE = "cookie"  # a signed prefix
    PATH = "path"  # a signature in the path


@dataclass(frozen=True, slots=True)
class MediaCdnOptions(Options):
    """What an edge cache service has been told."""

    algorithms: tuple[Seal, ...] = option((Seal.ED25519,), "What a token may be closed with.")
    mint: Kind = option(Kind.TOKEN, "What is minted; every kind is read.")
    cookie: str = option("Edge-Cache-Cookie", "The name of the cookie.")


class MediaCdn:
    """The dialect `media-cdn`."""

    def __init__(self, options: MediaCdnOptions) -> None:
        """A dialect with these options. Misuse when tokens could be closed with nothing."""
        if not options.algorithms:
            raise Misuse("a token is closed with some algorithm")
        self._options = options

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. Path and query have their tokens by the carriage's name, the cookie by its own."""
        explicit = _locate(request, _only(carriage, Transport.PATH, Transport.QUERY), mount)
        if Transport.QUERY in carriage.transports:
            signature = signed_urls.locate_parameters(request)
            if signature is not None and explicit is not None:
                raise Denied(Reason.AMBIGUOUS, "a token and a signature")
            if signature is not None:
                return signature
        found = explicit or _locate(request, self._cookies(carriage), mount)
        if found is None:
            return None
        return replace(found, bound=_bound(found, request, carriage, mount))

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        visible = _only(carriage, Transport.PATH, Transport.QUERY)
        if visible is not None:
            path, query = rides.strip(path, query, visible, mount)
        return path, signed_urls.take_parameters(query)[1] if Transport.QUERY in carriage.transports else query

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic token or signature."""
        kind, target, *values = found.bound
        if kind == _FIELDS:
            return self._verify_token(found.token.reveal(), target, tuple(values), ring)
        statement = signed_urls.parse_statement(found.token.reveal(), ":" if kind == Form.COOKIE else "&")
        key = ring.find(statement.key_id)
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY)
        if key.algorithm not in ED25519_NAMES:
            raise Denied(Reason.WRONG_ALGORITHM)
        message = _message(statement, kind, target)
        if not _is_signed(key, message, _octets(statement.signature, is_padded=kind != _PATH)):
            raise Denied(Reason.BAD_SIGNATURE)
        rule: UrlRule = UrlPrefixes((_base(target),)) if kind == _PATH else statement.rule(target)
        return Claims(expires=statement.ends(), urls=rule, key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token or a signature, as the options say. Misuse for claims that it cannot say."""
        if self._options.mint is Kind.TOKEN:
            return self._mint_token(claims, key, url)
        if key.algorithm not in ED25519_NAMES or key.signing is None or isinstance(key.signing, Secret):
            raise Misuse("Media CDN signs with Ed25519")
        form = Form.COOKIE if self._options.mint is Kind.COOKIE else Form.PREFIX
        joint = ":" if form is Form.COOKIE else "&"
        if self._options.mint is Kind.PATH:
            prefix = signed_urls.prefix_of(claims)
            if prefix is None or not prefix.endswith("/"):
                raise Misuse("a signature in a path is for a prefix with a slash at its end")
            signed = signed_urls.write_statement(replace(claims, urls=None), key.id, Form.URL)
            signature = sign(key.signing, f"{prefix}{CARRIAGE.name}={signed}".encode(), Hash.SHA256)
            return Token(f"{signed}&Signature={base64url_encode(signature)}")
        is_prefix = signed_urls.prefix_of(claims) is not None
        if form is Form.COOKIE and not is_prefix:
            raise Misuse("a cookie is signed for a prefix")
        target = "" if is_prefix else signed_urls.url_to_sign(claims, url)
        signed = signed_urls.write_statement(claims, key.id, form)
        message = signed if is_prefix else f"{target}{'&' if '?' in target else '?'}{signed}"
        signature = sign(key.signing, message.encode(), Hash.SHA256)
        return Token(f"{signed}{joint}Signature={base64url_padded(signature)}")

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`. Misuse also for a transport that the token was not signed for."""
        if transport not in carriage.transports:
            raise Misuse(f"this realm does not take tokens by {transport}")
        match _kind_of(token), transport:
            case (Kind.TOKEN, Transport.QUERY) | (Kind.PATH, Transport.PATH):
                return rides.issue(url, token, carriage, mount, transport)
            case Kind.SIGNATURE, Transport.QUERY:
                return signed_urls.issue_parameters(url, token)
            case ((Kind.TOKEN | Kind.COOKIE), Transport.COOKIE):
                return rides.issue(url, token, replace(carriage, name=self._options.cookie), mount, transport)
            case kind, _:
                raise Misuse(f"a {kind} does not ride by {transport}: see mint")

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Every field but what authenticates it."""
        kind, *_ = found.bound
        if kind == _FIELDS:
            return media_tokens.described(media_tokens.parse(found.token.reveal()))
        joint = ":" if kind == Form.COOKIE else "&"
        return signed_urls.described(signed_urls.parse_statement(found.token.reveal(), joint))

    def _cookies(self, carriage: Carriage) -> Carriage | None:
        return _only(replace(carriage, name=self._options.cookie), Transport.COOKIE)

    def _verify_token(self, text: str, path: str, values: tuple[str, ...], ring: KeyRing) -> Claims:
        parsed = media_tokens.parse(text)
        allowed = [seal for seal in self._options.algorithms if parsed.fits(seal)]
        if not allowed:
            raise Denied(Reason.WRONG_ALGORITHM, "no algorithm that is accepted here closes a token so")
        message = parsed.message(path, values)
        failure = Reason.UNKNOWN_KEY
        for seal in allowed:
            for key in ring.candidates(Algorithm.EDDSA if seal is Seal.ED25519 else Algorithm.SHARED):
                if _holds(key, seal, message, parsed.seal):
                    return replace(parsed.claims(path), key_id=key.id, dialect=NAME)
                failure = Reason.BAD_SIGNATURE
        raise Denied(failure)

    def _mint_token(self, claims: Claims, key: Key, url: Url | None) -> Token:
        signed = media_tokens.write(claims, "" if url is None else url.path)
        for seal in self._options.algorithms:
            if seal is Seal.ED25519 and key.algorithm in ED25519_NAMES and key.signing is not None:
                if isinstance(key.signing, Secret):
                    continue
                signature = sign(key.signing, signed.message.encode(), Hash.SHA256)
                return Token(f"{signed.text}~Signature={base64url_encode(signature)}")
            if seal in _HASHES and key.algorithm is Algorithm.SHARED and isinstance(key.signing, Secret):
                return Token(f"{signed.text}~hmac={mac(key.signing, signed.message.encode(), _HASHES[seal]).hex()}")
        raise Misuse("no algorithm that is accepted here works with this key")


def _only(carriage: Carriage, *transports: Transport) -> Carriage | None:
    """A carriage for some transports alone; None where none of them is open."""
    still = carriage.transports & frozenset(transports)
    return replace(carriage, transports=still) if still else None


def _locate(request: Request, carriage: Carriage | None, mount: str) -> Found | None:
    return None if carriage is None else rides.locate(request, carriage, mount)


def _bound(found: Found, request: Request, carriage: Carriage, mount: str) -> tuple[str, ...]:
    """What a signature is of, apart from the token itself."""
    text = found.token.reveal()
    if found.transport is Transport.PATH:
        at = request.at(f"{mount.rstrip('/')}/{carriage.name}=", "")
        return (_PATH, Url.of(at).text)
    if found.transport is Transport.COOKIE and "~" not in text:
        return (Form.COOKIE.value, "")
    names_path, headers = media_tokens.needs(text)
    return (_FIELDS, found.path if names_path else "", *(media_tokens.value_of(request, name) for name in headers))


def _message(statement: signed_urls.Statement, kind: str, target: str) -> bytes:
    if kind != _PATH:
        return signed_urls.message_of(statement, Form(kind), target)
    if statement.prefix is not None:
        raise Denied(Reason.UNSUPPORTED, "a signature in a path opens what lies below it")
    return f"{target}{statement.signed}".encode()


def _base(target: str) -> str:
    """The URL prefix that a signature in a path opens."""
    return target.rpartition("/")[0] + "/"


def _octets(text: str, *, is_padded: bool) -> bytes:
    try:
        return base64url_padded_decode(text) if is_padded else base64url_decode(text)
    except ValueError:
        raise Denied(Reason.MALFORMED, "a signature is base64url") from None


def _is_signed(key: Key, message: bytes, signature: bytes) -> bool:
    return not isinstance(key.verifying, Secret) and is_signed(key.verifying, message, signature, Hash.SHA256)


def _holds(key: Key, seal: Seal, message: bytes, given: str) -> bool:
    if seal is Seal.ED25519:
        return _is_signed(key, message, _octets(given, is_padded=False))
    return isinstance(key.verifying, Secret) and same(mac(key.verifying, message, _HASHES[seal]).hex(), given)


def _kind_of(token: Token) -> Kind:
    text = token.reveal()
    if "~" in text:
        return Kind.TOKEN
    if ":" in text:
        return Kind.COOKIE
    return Kind.SIGNATURE if text.endswith("=") else Kind.PATH
