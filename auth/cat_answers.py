"""The claims of CTA-5007 that say how to answer: `catr` (renewal) and `catif` (remedies), read from CBOR.

They come from an authentic token, and yet become header fields of ours, so they are held to narrow forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from auth.cat_claims import list_of, made, malformed, map_of, text_of
from auth.errors import Denied, Misuse, Reason
from auth.remedy import Remedy
from auth.renewal import Renewal, RenewalTransport
from auth.rules.url import Url
from auth.strict_cbor import CborMap, CborValue

MAX_SECONDS = 10 * 366 * 24 * 60 * 60

_TYPES = (RenewalTransport.SAME, RenewalTransport.COOKIE, RenewalTransport.HEADER, RenewalTransport.REDIRECT)
_TYPE, _EXPADD, _DEADLINE, _COOKIE_NAME, _HEADER_NAME, _COOKIE_PARAMS, _HEADER_PARAMS, _CODE = range(8)
_DEADLINE_SECONDS = 60  # where the token names none
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")  # RFC 9110 §5.6.2
_PARAMETER = re.compile(r"[A-Za-z-]{1,32}(?:=[!#-+./0-9:<=>?@A-Z\[\]^_`a-z{|}~-]{0,256})?")
_LOCATION = re.compile(r"https?://[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]{1,1024}")
_REDIRECTS = frozenset({302, 303, 307, 308})
_REFUSALS = frozenset({401, 403})


def read_renewal(value: CborValue) -> Renewal:
    """`catr`. Denied for an unknown kind or member, and for names and attributes that are none."""
    members = map_of("catr", value)
    if not set(range(8)).issuperset(members):
        raise Denied(Reason.UNSUPPORTED, "catr: a member that is not known")
    kind = members.get(_TYPE)
    if isinstance(kind, bool) or not isinstance(kind, int):
        raise malformed("catr has a type")
    if not 0 <= kind < len(_TYPES):
        raise Denied(Reason.UNSUPPORTED, "catr: a type that is not known")
    return Renewal(
        transport=_TYPES[kind],
        extend=_seconds(members.get(_EXPADD)),
        window=_seconds(members.get(_DEADLINE, _DEADLINE_SECONDS)),
        cookie_name=_name(members, _COOKIE_NAME),
        header_name=_name(members, _HEADER_NAME),
        cookie_attributes=_parameters(members, _COOKIE_PARAMS),
        header_parameters=_parameters(members, _HEADER_PARAMS),
        status=_status(members),
    )


def write_renewal(renewal: Renewal) -> CborMap:
    """The inverse of `read_renewal`; Misuse for a transport that CTA-5007 does not have."""
    if renewal.transport not in _TYPES:
        raise Misuse(f"a CAT is not renewed by {renewal.transport}")
    members: CborMap = {_TYPE: _TYPES.index(renewal.transport), _EXPADD: _whole(renewal.extend)}
    if renewal.window is not None:
        members[_DEADLINE] = _whole(renewal.window)
    if renewal.cookie_name is not None:
        members[_COOKIE_NAME] = renewal.cookie_name
    if renewal.header_name is not None:
        members[_HEADER_NAME] = renewal.header_name
    if renewal.cookie_attributes:
        members[_COOKIE_PARAMS] = list(renewal.cookie_attributes)
    if renewal.header_parameters:
        members[_HEADER_PARAMS] = list(renewal.header_parameters)
    if renewal.status is not None:
        members[_CODE] = renewal.status
    return members


def read_remedies(
    value: CborValue, reasons: Mapping[int, frozenset[Reason]], hosts: frozenset[str]
) -> tuple[Remedy, ...]:
    """`catif`, one remedy for each claim in it. `reasons` are the refusals that a claim leads to.

    Denied(UNSUPPORTED) for a claim that leads to none, a status or header that is not allowed, a redirect to a host
    that is not among `hosts`, and a redirect that is to carry a token of the token's own making.
    """
    remedies = []
    for label, item in map_of("catif", value).items():
        if not isinstance(label, int) or label not in reasons:
            raise Denied(Reason.UNSUPPORTED, "catif: a claim that nothing is refused for")
        remedies.append(_remedy(item, reasons[label], hosts))
    return tuple(remedies)


def _remedy(value: CborValue, reasons: frozenset[Reason], hosts: frozenset[str]) -> Remedy:
    items = list_of("catif", value)
    status = items[0]
    if isinstance(status, bool) or not isinstance(status, int):
        raise malformed("catif: a status")
    if len(items) > 3 or status not in _REDIRECTS | _REFUSALS:
        raise Denied(Reason.UNSUPPORTED, "catif: a status that is not allowed")
    location = _location(items[1], hosts) if len(items) > 1 and items[1] not in (None, {}) else ""
    if bool(location) is not (status in _REDIRECTS):
        raise malformed("catif: a redirect has a Location, and nothing else has one")
    return Remedy(reasons, status, location)


def _location(value: CborValue, hosts: frozenset[str]) -> str:
    headers = map_of("catif", value)
    if [name.lower() if isinstance(name, str) else name for name in headers] != ["location"]:
        raise Denied(Reason.UNSUPPORTED, "catif: a header other than Location")
    location = next(iter(headers.values()))
    if not isinstance(location, str):
        raise Denied(Reason.UNSUPPORTED, "catif: a Location that is to carry a new token")
    if not _LOCATION.fullmatch(location):
        raise malformed("catif: Location is an absolute URL")
    if made("catif", lambda: Url.parse(location)).host not in hosts:
        raise Denied(Reason.UNSUPPORTED, "catif: a redirect to a host that is not configured")
    return location


def _seconds(value: CborValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_SECONDS:
        raise malformed("catr: expadd and deadline are numbers of seconds")
    return value


def _name(members: CborMap, label: int) -> str | None:
    if label not in members:
        return None
    name = text_of("catr", members[label])
    if not _NAME.fullmatch(name):
        raise malformed("catr: a name of a cookie or a header")
    return name


def _parameters(members: CborMap, label: int) -> tuple[str, ...]:
    if label not in members:
        return ()
    texts = tuple(text_of("catr", item) for item in list_of("catr", members[label]))
    if not all(_PARAMETER.fullmatch(text) for text in texts):
        raise malformed("catr: parameters are names, or names and values")
    return texts


def _status(members: CborMap) -> int | None:
    status = members.get(_CODE)
    if status is None:
        return None
    if isinstance(status, bool) or not isinstance(status, int):
        raise malformed("catr: code is an integer")
    if status not in _REDIRECTS:
        raise Denied(Reason.UNSUPPORTED, "catr: a status that is not allowed")
    return status


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value
