"""Fields that end at this hop, and those that go on (RFC 9110 §7.6.1, RFC 9111 §3.1)."""

from __future__ import annotations

from origin.http.caching import age as age_field
from origin.http.fields import HOP_BY_HOP, Fields, values_of, without
from origin.httpcache.directives import NEEDED_BY_CACHES
from origin.httpcache.stored import StoredResponse

# What belongs to one request of one client; whoever fetches for all sets its own.
_OF_THE_REQUEST = frozenset(
    {
        "content-length",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
    }
)
# For all recipients, so never an option of a connection (RFC 9110 §7.6.1). To believe one that names them would let
# a response lose what forbids to store it.
_FOR_ALL = NEEDED_BY_CACHES | {"authorization", "pragma"}


def forwardable_request(fields: Fields) -> Fields:
    """The fields of a client's request that may go to an upstream in a request of our own.

    Gone are those of the connection and those that Connection names, Host, framing, preconditions and ranges.
    """
    return without(fields, HOP_BY_HOP | _OF_THE_REQUEST | _named(fields))


def forwardable_response(fields: Fields) -> Fields:
    """The fields of an upstream's response that may go to a client or be stored: all but those of the connection."""
    return without(fields, HOP_BY_HOP | _named(fields))


def reply_fields(stored: StoredResponse, age: float) -> Fields:
    """The stored fields as they go to a client, with the response's present age in seconds (RFC 9111 §4)."""
    return (*without(stored.fields, {"age"}), age_field(age))


def _named(fields: Fields) -> frozenset[str]:
    """The fields that Connection makes its own, in lower case."""
    options = ",".join(values_of(fields, "connection")).lower().split(",")
    return frozenset(option.strip(" \t") for option in options) - _FOR_ALL
