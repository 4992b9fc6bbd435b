"""Common Access Tokens (CTA-5007): a CWT (RFC 8392) in a COSE_Mac0 or COSE_Sign1, as base64url text.

A token rides in the header field, the cookie or the query parameter that implementations of CTA-5007 use. Enforced
are the registered claims, `catu` (URI), `catm` (methods), `catnip` (networks and autonomous systems), `cath` (headers),
`catalpn`, `cattpk` and `cattprint` (TLS), `catgeoiso3166`, `catgeocoord` and `geohash` (places), `cnf` with `catdpop`
(proof of possession), and `catreplay` 1 (one use). `catr` and `catif` say how to answer. Every other claim that
restricts, and every critical one, is refused: `catgeoalt`, `catpor`, `catreplay` 2, and the composite claims. Claims
outside of all this restrict nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar, cast
from urllib.parse import unquote

from auth import carriage as rides
from auth import cose, strict_cbor
from auth.carriage import Carriage, Found, Signed, Transport
from auth.cat_answers import read_remedies, read_renewal, write_renewal
from auth.cat_claims import (
    CONDITION_CLAIMS,
    IPV4,
    IPV6,
    bound_to,
    list_of,
    malformed,
    read_client,
    read_conditions,
    read_uri,
    write_client,
    write_conditions,
    write_uri,
)
from auth.claims import MAX_EXTRA, Claims, read_list, read_method, read_one_or_more, read_text, read_time
from auth.dialects.dialect import OneName
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options, option
from auth.primitives import Hash, digest
from auth.request import Request
from auth.rules.url import Url
from auth.secret import Token
from auth.strict_cbor import CborKey, CborMap, CborValue, Tagged
from auth.strict_json import JsonValue

T = TypeVar("T")

NAME = "cat"
CARRIAGE = Carriage("cat", header="cta-common-access-token")
VERSION = 1

# Labels (IANA registry of CWT claims).
ISS, SUB, AUD, EXP, NBF, IAT, CTI = range(1, 8)
OR, NOR, AND, ENC, CRIT = range(41, 46)
CATREPLAY, CATPOR, CATV, CATNIP, CATU, CATM = range(308, 314)
CATGEOALT, CATIF, CATR = 318, 322, 323

_NAMES = {
    1: "iss",
    2: "sub",
    3: "aud",
    4: "exp",
    5: "nbf",
    6: "iat",
    7: "cti",
    8: "cnf",
    41: "or",
    42: "nor",
    43: "and",
    44: "enc",
    45: "crit",
    282: "geohash",
    308: "catreplay",
    309: "catpor",
    310: "catv",
    311: "catnip",
    312: "catu",
    313: "catm",
    314: "catalpn",
    315: "cath",
    316: "catgeoiso3166",
    317: "catgeocoord",
    318: "catgeoalt",
    319: "cattpk",
    320: "catifdata",
    321: "catdpop",
    322: "catif",
    323: "catr",
    324: "cattprint",
}
_TEXTS = {"issuer": ISS, "subject": SUB}
_TIMES = {"not_before": NBF, "expires": EXP, "issued_at": IAT}
_REFUSED = frozenset({OR, NOR, AND, ENC, CATPOR, CATGEOALT})
_UNDERSTOOD = CONDITION_CLAIMS | {
    *(*_TEXTS.values(), *_TIMES.values(), AUD, CTI, CRIT),
    *(CATREPLAY, CATV, CATNIP, CATU, CATM, CATIF, CATR),
}
_PAYLOAD_TAGS = frozenset({IPV4, IPV6})
_MAX_CTI = 64
_VISIBLE = re.compile(r"[!-~]+")
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2})+")
_SHOWN_CHARS = 60

# What a claim leads to when it does not hold, for `catif`.
_LEADS_TO: dict[int, frozenset[Reason]] = {
    label: frozenset({reason})
    for label, reason in {
        ISS: Reason.WRONG_ISSUER,
        AUD: Reason.WRONG_AUDIENCE,
        EXP: Reason.EXPIRED,
        NBF: Reason.NOT_YET_VALID,
        CATREPLAY: Reason.REPLAYED,
        CATNIP: Reason.WRONG_NETWORK,
        CATU: Reason.OUT_OF_SCOPE,
        CATM: Reason.WRONG_METHOD,
        314: Reason.WRONG_TLS,
        315: Reason.WRONG_HEADER,
        316: Reason.WRONG_PLACE,
        317: Reason.WRONG_PLACE,
        319: Reason.WRONG_TLS,
        321: Reason.PROOF_INVALID,
        324: Reason.WRONG_TLS,
        282: Reason.WRONG_PLACE,
    }.items()
}


@dataclass(frozen=True, slots=True)
class CatOptions(Options):
    """Where else tokens are looked for, and where they may send a viewer."""

    header_names: tuple[str, ...] = option(
        ("common-access-token",), "Further header fields that carry a token, beside the mount's own."
    )
    cookie_names: tuple[str, ...] = option(
        ("CTA-Common-Access-Token",), "Cookies that carry a token, in any case; the first is the one that is set."
    )
    redirect_hosts: tuple[str, ...] = option(
        (), "Hosts that a token's catif may redirect a viewer to; a token that names another is refused."
    )

    def __post_init__(self) -> None:
        for name in (*self.header_names, *self.cookie_names):
            Carriage(header=name.lower())  # Misuse where it is no name


class Cat(OneName):
    """The dialect `cat`."""

    def __init__(self, options: CatOptions) -> None:
        self._headers = frozenset(name.lower() for name in options.header_names)
        self._cookies = frozenset(name.lower() for name in options.cookie_names)
        self._cookie = options.cookie_names[0] if options.cookie_names else None
        self._redirect_hosts = frozenset(host.lower() for host in options.redirect_hosts)

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        """See `Dialect`. Every name that the token may go by is read as the carriage's."""
        headers = tuple((carriage.header if name in self._headers else name, value) for name, value in request.headers)
        cookies = tuple(
            (carriage.name if name.lower() in self._cookies else name, value) for name, value in request.cookies
        )
        query = _with_one_case(request.query, carriage)
        return rides.locate(replace(request, headers=headers, cookies=cookies, query=query), carriage, mount)

    def strip(self, path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
        """See `Dialect`."""
        return rides.strip(path, _with_one_case(query, carriage), carriage, mount)

    def issue(self, url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
        """See `Dialect`."""
        signed = rides.issue(url, token, carriage, mount, transport)
        if not signed.cookies or self._cookie is None:
            return signed
        return replace(signed, cookies=tuple((self._cookie, value) for _, value in signed.cookies))

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        """The claims of an authentic token. Nothing of the payload is read before its MAC or signature holds."""
        message = cose.parse(found.token)
        key = cose.verify(message, ring)
        claims = self._claims(_payload(message.payload), key_id=key.id, dialect=NAME)
        if claims.one_time and claims.token_id is None:
            # What was authenticated tells it from others; its text would not, for its kid could be left out.
            claims = replace(claims, token_id=digest(message.payload, Hash.SHA256).hex())
        if claims.conditions:
            claims = replace(claims, conditions=bound_to(claims.conditions, found.token.reveal()))
        return claims

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        """A MACed or signed token. Misuse for claims that would not be read back as they are."""
        try:
            payload = strict_cbor.dumps(_members(claims))
            said = self._claims(_payload(payload))
        except Denied as error:
            raise Misuse(f"the claims cannot be minted: {error}") from None
        wanted = replace(claims, key_id=None, dialect="")
        names = [each.name for each in fields(Claims) if _differs(each.name, said, wanted)]
        if names:
            raise Misuse(f"a CAT cannot say these as given: {', '.join(names)}")
        for name in ("not_before", "issued_at"):
            begins = getattr(claims, name)
            if claims.expires is not None and begins is not None and claims.expires <= begins:
                raise Misuse(f"the token would expire before its {name}")
        return cose.sign(payload, key)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        """Header and claims, each value shortened."""
        message = cose.parse(found.token)
        header = (("alg", message.algorithm.value), ("kid", _shown(message.key_id or "absent")))
        return (*header, *((_label(name), _shown(value)) for name, value in _payload(message.payload).items()))

    def _claims(self, payload: CborMap, key_id: str | None = None, dialect: str = "") -> Claims:
        _check_restrictions(payload)
        scope, urls = read_uri(payload[CATU]) if CATU in payload else (None, None)
        networks, asns = read_client(payload[CATNIP]) if CATNIP in payload else (None, None)
        unknown = [(name, value) for name, value in payload.items() if name not in _UNDERSTOOD]
        return Claims(
            issuer=_read(payload, ISS, read_text),
            subject=_read(payload, SUB, read_text),
            audience=_read(payload, AUD, read_one_or_more) or (),
            not_before=_read(payload, NBF, read_time),
            expires=_read(payload, EXP, read_time),
            issued_at=_read(payload, IAT, read_time),
            token_id=_token_id(payload),
            scope=scope,
            urls=urls,
            methods=frozenset(_read(payload, CATM, _read_methods) or ()) if CATM in payload else None,
            networks=networks,
            asns=asns,
            conditions=read_conditions(payload),
            one_time=_is_one_time(payload),
            renewal=read_renewal(payload[CATR]) if CATR in payload else None,
            remedies=read_remedies(payload[CATIF], _LEADS_TO, self._redirect_hosts) if CATIF in payload else (),
            key_id=key_id,
            dialect=dialect,
            extra=tuple((_label(name), _shown(value)) for name, value in unknown[:MAX_EXTRA]),
        )


def _with_one_case(query: str, carriage: Carriage) -> str:
    """The query with the token's parameter, which some write in capitals, under the carriage's own name."""
    if Transport.QUERY not in carriage.transports:
        return query
    wanted = carriage.name.lower()
    pieces = []
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        is_ours = unquote(name).lower() == wanted
        pieces.append(f"{carriage.name}{equals}{value}" if is_ours else piece)
    return "&".join(pieces)


def _payload(data: bytes) -> CborMap:
    try:
        payload = strict_cbor.loads(data, tags=_PAYLOAD_TAGS)
    except ValueError as error:
        words = "a text is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise malformed(f"claims: {words}") from None
    if not isinstance(payload, dict):
        raise malformed("claims are a map")
    return payload


def _check_restrictions(payload: CborMap) -> None:
    for label in _REFUSED:
        if label in payload:
            raise Denied(Reason.UNSUPPORTED, f"{_NAMES[label]} restricts the token in a way that is not enforced here")
    if CRIT in payload and not _UNDERSTOOD.issuperset(_labels(payload[CRIT])):
        raise Denied(Reason.UNSUPPORTED, "crit names a claim that is not understood")
    if CATV in payload and (payload[CATV] != VERSION or type(payload[CATV]) is not int):
        raise Denied(Reason.UNSUPPORTED, "catv is 1")


def _labels(value: CborValue) -> list[CborKey]:
    labels = [label for label in list_of("crit", value) if isinstance(label, int | str) and not isinstance(label, bool)]
    if not isinstance(value, list) or len(labels) != len(value):
        raise malformed("crit holds claim labels")
    return labels


def _read(payload: CborMap, label: int, read: Callable[[str, JsonValue], T]) -> T | None:
    # The shared readers look at a value's type first, so byte strings and tags are refused as any wrong type is.
    return read(_NAMES[label], cast("JsonValue", payload[label])) if label in payload else None


def _read_methods(name: str, value: JsonValue) -> tuple[str, ...]:
    return read_list(name, value, read_method)


def _token_id(payload: CborMap) -> str | None:
    """`cti` is a byte string: the text that it is, or its hexadecimal digits where it is none or looks like such."""
    if CTI not in payload:
        return None
    value = payload[CTI]
    if not isinstance(value, bytes) or not 1 <= len(value) <= _MAX_CTI:
        raise malformed(f"cti is a byte string of 1 to {_MAX_CTI} octets")
    text = value.decode("latin-1")
    return text if _VISIBLE.fullmatch(text) and not _HEXADECIMAL.fullmatch(text) else value.hex()


def _is_one_time(payload: CborMap) -> bool:
    if CATREPLAY not in payload:
        return False
    value = payload[CATREPLAY]
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed("catreplay is an integer")
    if value not in {0, 1}:
        raise Denied(Reason.UNSUPPORTED, "catreplay is 0 or 1 here")
    return value == 1


def _members(claims: Claims) -> CborMap:
    """The payload that says these claims, times as whole numbers where they are whole."""
    members: CborMap = {CATV: VERSION}
    for ours, label in (_TEXTS | _TIMES).items():
        value: str | float | None = getattr(claims, ours)
        if value is not None:
            members[label] = int(value) if isinstance(value, float) and value.is_integer() else value
    if claims.audience:
        members[AUD] = claims.audience[0] if len(claims.audience) == 1 else list(claims.audience)
    if claims.token_id is not None:
        members[CTI] = _cti(claims.token_id)
    if claims.one_time:
        if claims.token_id is None:
            raise Misuse("a token for one request needs an id")
        members[CATREPLAY] = 1
    if claims.renewal is not None:
        members[CATR] = write_renewal(claims.renewal)
    return members | _restrictions(claims)


def _restrictions(claims: Claims) -> CborMap:
    members = write_conditions(claims.conditions)
    if uri := write_uri(claims.scope, claims.urls):
        members[CATU] = uri
    if claims.methods is not None:
        members[CATM] = list[CborValue](sorted(claims.methods))
    if claims.networks is not None or claims.asns is not None:
        members[CATNIP] = write_client(claims.networks, claims.asns)
    return members


def _cti(token_id: str) -> bytes:
    """The inverse of `_token_id`."""
    if _HEXADECIMAL.fullmatch(token_id):
        return bytes.fromhex(token_id)
    if _VISIBLE.fullmatch(token_id):
        return token_id.encode("ascii")
    raise Misuse("the id of a CAT is visible ASCII")


def _differs(name: str, said: Claims, wanted: Claims) -> bool:
    """Conditions hold all together, so their order says nothing."""
    if name == "conditions":
        return len(said.conditions) != len(wanted.conditions) or set(said.conditions) != set(wanted.conditions)
    return bool(getattr(said, name) != getattr(wanted, name))


def _label(name: CborKey) -> str:
    return _shown(name if isinstance(name, str) else _NAMES.get(name, str(name)))


def _shown(value: CborValue) -> str:
    match value:
        case bytes():
            text = value.hex()
        case Tagged():
            text = f"{value.tag}({_shown(value.value)})"
        case list():
            text = f"[{', '.join(map(_shown, value[:8]))}]"
        case dict():
            text = f"{{{', '.join(f'{_shown(key)}: {_shown(item)}' for key, item in list(value.items())[:8])}}}"
        case _:
            text = str(value)
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= _SHOWN_CHARS else printable[:_SHOWN_CHARS] + "…"
