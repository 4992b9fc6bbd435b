"""Signed URLs as Apache Traffic Server's url_sig plugin reads them.

A token is the fields C (client address, may be absent), E (end), A (1: HMAC-SHA1, 2: HMAC-MD5), K (the key's index,
0 to 15), P (which parts of the URL are signed: one digit for the host, one for each path segment, the last for all
that follow) and S (the signature), in this order. At the end of a query they sign the host, path and query before them;
encoded in a path segment (`/vod/film;urlsig=…/a.ts`) they sign host and path up to there, and cover what lies below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import unquote

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Signed, Transport
from auth.claims import MAX_TIME, Claims, Network, read_network
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, mac, same
from auth.request import Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes, UrlRule
from auth.scope import UnsafePath, normalise
from auth.secret import Secret, Token

NAME = "url-sig"
CARRIAGE = Carriage("urlsig", frozenset({Transport.PATH, Transport.QUERY}))
MAX_CHARS = 512

_NAMES = ("C", "E", "A", "K", "P", "S")
READS = frozenset(_NAMES)
_FIELDS = (
    r"(?:C=(?P<C>[0-9A-Fa-f.:]{2,45})SEP)?E=(?P<E>[0-9]{1,15})SEPA=(?P<A>[12])SEPK=(?P<K>[0-9]|1[0-5])"
    r"SEPP=(?P<P>[01]{1,64})SEPS=(?P<S>[0-9a-f]{32,40})"
)
_IN_QUERY = re.compile(_FIELDS.replace("SEP", "&"))
_END_OF_QUERY = re.compile(rf"(?:\A|&)(?P<token>{_FIELDS.replace('SEP', '&')})\Z")
_IN_PATH = re.compile(f";?{_FIELDS.replace('SEP', ';')}")
_KEY_ID = re.compile(r"key([0-9]|1[0-5])")
_PARTS = re.compile(r"[01]{1,64}")
# What the plugin would take for a field of its own wherever it stands.
_MISLEADING = re.compile(r"[CEAKPS]=")


class UrlSigAlgorithm(StrEnum):
    """The hash functions of the format."""

    SHA1 = "hmac-sha1"
    MD5 = "hmac-md5"


class UrlSigForm(StrEnum):
    """Where the fields stand."""

    QUERY = "query"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class UrlSigOptions(Options):
    """What a mount may set for this dialect."""

    algorithms: tuple[UrlSigAlgorithm, ...] = option(
        (UrlSigAlgorithm.SHA1,), "The hash functions that tokens may use; the first one mints."
    )
    parts: str = option("1", "Which parts of a URL are signed in what is minted, as in P.")
    form: UrlSigForm = option(UrlSigForm.QUERY, "Where minted tokens go: the end of the query, or a path segment.")


_HASHES = {UrlSigAlgorithm.SHA1: (Hash.SHA1, "1"), UrlSigAlgorithm.MD5: (Hash.MD5, "2")}
_BY_NUMBER = {number: (name, using) for name, (using, number) in _HASHES.items()}
_HEX_CHARS = {Hash.SHA1: 40, Hash.MD5: 32}


class UrlSig:
    """The dialect `url-sig`."""

    def __init__(self, options: UrlSigOptions) -> None:
        """Misuse for parts that sign nothing, and for no algorithm."""
        if not _PARTS.fullmatch(options.parts) or "1" not in options.parts:
            raise Misuse("parts: are up to 64 digits 0 and 1, and a 1 among them")
        if not options.algorithms:
            raise Misuse("algorithms: needs one")
        self._options = options

    def locate(self, request: Request, carriage: Carriage, _mount: str) -> Found | None:
        """See `Dialect`. A query with a field S ends with a token, and has no field of a token before it."""
        in_path, path = _take_from_path(request.path, carriage)
        in_query, query = _take_from_query(request.query, carriage)
        if Transport.QUERY in carriage.transports and in_query is None and "S" in _names(query):
            raise Denied(Reason.MALFORMED, "a query ends with the fields C E A K P S in this order")
        if len(in_path) + (in_query is not None) > 1 or (in_query is not None and not _names(query).isdisjoint(_NAMES)):
            raise Denied(Reason.AMBIGUOUS, "more than one token")
        url = Url.of(request.at(path, query))
        if in_query is not None:
            bound = (url.scheme, url.authority, path, query)
            parts = tuple((piece[0], piece[2:]) for piece in in_query.split("&"))
            return Found(Token(in_query), Transport.QUERY, path, query, bound, parts)
        if not in_path:
            return None
        folder = request.path.partition(f";{carriage.name}=")[0]
        return Found(Token(_decoded(in_path[0])), Transport.PATH, path, query, (url.scheme, url.authority, folder))

    def strip(self, path: str, query: str, carriage: Carriage, _mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return _take_from_path(path, carriage)[1], _take_from_query(query, carriage)[1]

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`; Misuse also for a token of the other form, and for a file in no folder of the mount."""
        text = token.reveal()
        form = Transport.QUERY if _IN_QUERY.fullmatch(text) else Transport.PATH
        if transport is not form or transport not in carriage.transports:
            raise Misuse(f"this token does not go by {transport}")
        before, hash_mark, fragment = url.partition("#")
        location, _, query = before.partition("?")
        location, query = self.strip(location, query, carriage, mount)
        if transport is Transport.QUERY:
            query = f"{query}&{text}" if query else text
        else:
            folder, _, file = location.rpartition("/")
            if f"{mount.rstrip('/')}/" not in folder:
                raise Misuse("a token in a path needs a folder below the mount")
            location = f"{folder};{carriage.name}={base64url_encode(text.encode('ascii'))}/{file}"
        return Signed(location + (f"?{query}" if query else "") + hash_mark + fragment)

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of a signed URL; they cover the URL that it came with, or what lies below the signed folder."""
        text = found.token.reveal()
        fields = _parse(text)
        key = ring.find(f"key{fields['K']}")
        if key is None:
            raise Denied(Reason.UNKNOWN_KEY, "no key of that index")
        algorithm, using = _BY_NUMBER[fields["A"]]
        if algorithm not in self._options.algorithms:
            raise Denied(Reason.UNSUPPORTED, "A names a hash function that is not accepted here")
        message = _message(text.rpartition("S=")[0] + "S=", found.bound, fields["P"])
        if not same(mac(_secret(key), message, using).hex(), fields["S"]):
            raise Denied(Reason.BAD_SIGNATURE)
        return replace(_claims(fields, found.bound), key_id=key.id, dialect=NAME)

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A token for `url`, or for its folder. Misuse without a URL, and for what the format cannot say."""
        index = _KEY_ID.fullmatch(key.id)
        if url is None or index is None:
            raise Misuse("a signed URL needs the absolute URL, and a key called key0 to key15")
        bound = self._bound(url)
        number = _HASHES[self._options.algorithms[0]][1]
        ends = claims.expires
        if ends is None or not float(ends).is_integer() or not 1 <= ends <= MAX_TIME // 10:
            raise Misuse("a signed URL ends at a whole second")
        separator = "&" if self._options.form is UrlSigForm.QUERY else ";"
        fields = [f"C={_address(claims.networks)}"] if claims.networks is not None else []
        fields += [f"E={int(ends) - 1}", f"A={number}", f"K={index[1]}", f"P={self._options.parts}", "S="]
        text = ("" if separator == "&" else ";") + separator.join(fields)
        try:
            text += mac(_secret(key), _message(text, bound, self._options.parts), _BY_NUMBER[number][1]).hex()
            said = _claims(_parse(text), bound)
        except Denied as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        _check_said(claims, said, url)
        return Token(text)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Every field but the signature."""
        fields = _parse(found.token.reveal())
        return tuple((name, fields[name]) for name in _NAMES if name != "S" and fields.get(name))

    def _bound(self, url: Url) -> tuple[str, ...]:
        if self._options.form is UrlSigForm.PATH:
            folder = url.path.rpartition("/")[0]
            if not folder:
                raise Misuse("a token in a path needs a folder")
            return (url.scheme, url.authority, folder)
        if _MISLEADING.search(url.query):
            raise Misuse("Traffic Server would take a part of the query for a field of the token")
        return (url.scheme, url.authority, url.path, url.query)


def _take_from_path(path: str, carriage: Carriage) -> tuple[list[str], str]:
    if Transport.PATH not in carriage.transports:
        return [], path
    segment = re.compile(f";{re.escape(carriage.name)}=([^/;]*)")
    return segment.findall(path), segment.sub("", path)


def _take_from_query(query: str, carriage: Carriage) -> tuple[str | None, str]:
    found = _END_OF_QUERY.search(query) if Transport.QUERY in carriage.transports else None
    return (None, query) if found is None else (found["token"], query[: found.start()])


def _names(query: str) -> set[str]:
    return {unquote(piece.partition("=")[0]) for piece in query.split("&")}


def _decoded(encoded: str) -> str:
    if len(encoded) > MAX_CHARS:
        raise Denied(Reason.TOO_LARGE, f"an encoded token has at most {MAX_CHARS} characters")
    try:
        return base64url_decode(encoded).decode("ascii")
    except ValueError:
        raise Denied(Reason.MALFORMED, "a token in a path is base64url without padding") from None


def _parse(text: str) -> dict[str, str]:
    found = None if len(text) > MAX_CHARS else _IN_QUERY.fullmatch(text) or _IN_PATH.fullmatch(text)
    if found is None:
        raise Denied(Reason.MALFORMED, "a token is the fields C E A K P S in this order")
    fields = {name: value for name, value in found.groupdict().items() if value is not None}
    if len(fields["S"]) != _HEX_CHARS[_BY_NUMBER[fields["A"]][1]]:
        raise Denied(Reason.MALFORMED, "S is as long as its hash in hexadecimal")
    if "1" not in fields["P"]:
        raise Denied(Reason.UNSUPPORTED, "P selects no part of the URL")
    return fields


def _message(unsigned: str, bound: tuple[str, ...], parts: str) -> bytes:
    """What is signed: the selected parts of host and path, and behind them the rest as it stands."""
    path = bound[2]
    segments = [bound[1], *(segment for segment in path.split("/") if segment)]
    is_signed = [parts[min(position, len(parts) - 1)] == "1" for position in range(len(segments))]
    chosen = "/".join(segment for segment, signed in zip(segments, is_signed, strict=True) if signed)
    if _is_query_form(unsigned):
        query = bound[3] if len(bound) > 3 else ""
        return f"{chosen}?{query}{'&' if query else ''}{unsigned}".encode("utf-8", "surrogatepass")
    if not unsigned.startswith(";") and not is_signed[-1]:
        # Traffic Server takes the text before the first semicolon for the end of the last segment.
        raise Denied(Reason.UNSUPPORTED, "C is not signed")
    return f"{chosen}{unsigned}".encode("utf-8", "surrogatepass")


def _is_query_form(text: str) -> bool:
    return ";" not in text


def _claims(fields: dict[str, str], bound: tuple[str, ...]) -> Claims:
    """At E itself a URL is still good."""
    networks = (read_network("C", fields["C"]),) if "C" in fields else None
    return Claims(expires=int(fields["E"]) + 1, networks=networks, urls=_rule(bound))


def _rule(bound: tuple[str, ...]) -> UrlRule:
    scheme, authority, path, *query = bound
    base = f"{scheme}://{authority}{path}"
    return ExactUrl(base + (f"?{query[0]}" if query[0] else "")) if query else UrlPrefixes((f"{base}/",))


def _check_said(claims: Claims, said: Claims, url: Url) -> None:
    """A scope is said by covering the URL; when a token was issued, and under what name, restricts nothing."""
    if claims.scope is not None:
        try:
            is_inside = claims.scope.covers(normalise(url.path))
        except UnsafePath:
            is_inside = False
        if not is_inside:
            raise Misuse("the scope does not cover the URL")
    wanted = replace(
        claims,
        scope=None,
        urls=claims.urls or said.urls,
        issued_at=None,
        token_id=claims.token_id if claims.one_time else None,
        key_id=None,
        dialect="",
    )
    if wanted != said:
        raise Misuse("a signed URL says when it ends, for which address and for which URL; nothing else")


def _address(networks: tuple[Network, ...] | None) -> str:
    if networks is None or len(networks) != 1 or networks[0].num_addresses != 1:
        raise Misuse("a signed URL is for one address")
    return str(ip_address(networks[0].network_address))


def _secret(key: Key) -> Secret:
    if key.algorithm is not Algorithm.SHARED or not isinstance(key.material, Secret):
        raise Denied(Reason.WRONG_ALGORITHM, "the key of that index is no shared secret")
    return key.material
