"""May this viewer have it?

Pure: no loop, no clock, no environment, no network; time, keys and requests are arguments. Imports PyJWT and
cryptography, for cryptography only, and nothing of the rest of Headgate.

Threats, and where each is met:

    forged or altered tokens   strict parsing before any key is touched (`jose`, `strict_json`, `encoding`),
                               one algorithm per key (`keys`), comparison in constant time (`algorithms`)
    a weaker door              dialects are bound to a prefix by configuration (`realm`); the first to find a
                               token answers, and nothing is tried after it has refused (`gate`)
    a token used elsewhere     path, method, network, audience, issuer, time: one judge for all (`enforce`)
    a path read in two ways    one spelling, or a refusal (`scope`)
    two tokens, two readers    more than one is refused (`carriage`)
    costly input               bounded sizes, depths and counts; matching in linear time
    leaks                      tokens and keys print as *** and are not pickled (`secret`); errors name rules

Not met here: a viewer who passes a valid token on. Bind tokens to networks or sessions, keep them short.
"""

from __future__ import annotations

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Signed, Transport, attach
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.exchange import SessionPolicy, session_claims, short_lived, successor
from auth.explain import Check, Verdict, explain
from auth.gate import Gate, Grant
from auth.jwk import key_from_jwk, public_jwks, ring_from_jwks
from auth.keys import Key, KeyRing, KeyState, Rings
from auth.minting import Customs, Wish, fulfil
from auth.options import Options, read_options
from auth.realm import Accepted, Realm
from auth.request import Place, Request, Tls
from auth.scope import PathScope
from auth.secret import Secret, Token

__all__ = [
    "DIALECTS",
    "Accepted",
    "Algorithm",
    "Carriage",
    "Check",
    "Claims",
    "Customs",
    "Denied",
    "Gate",
    "Grant",
    "Key",
    "KeyRing",
    "KeyState",
    "Misuse",
    "Options",
    "PathScope",
    "Place",
    "Policy",
    "Realm",
    "Reason",
    "Request",
    "Rings",
    "Secret",
    "SessionPolicy",
    "Signed",
    "Tls",
    "Token",
    "Transport",
    "Verdict",
    "Wish",
    "attach",
    "enforce",
    "explain",
    "fulfil",
    "key_from_jwk",
    "public_jwks",
    "read_options",
    "ring_from_jwks",
    "session_claims",
    "short_lived",
    "successor",
]
