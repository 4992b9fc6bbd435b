"""The fast lane: answers to plain requests for hot objects, written in the callback that brought their bytes.

It looks at the bytes of a connection before aiohttp does. A header block that aiohttp's parser has accepted before,
behind a request line of the plainest kind, for an object that is at hand, under a token that has been judged: then the
answer is composed of parts that are kept ready, and sent without a task, a `Request` or a `Response`. Anything else is
left to aiohttp with the bytes untouched.

It decides nothing that is decided elsewhere: admission, validators, lifetimes, propagation and the order of fields come
from the rooms below, asked once and remembered for exactly as long as what they were asked about cannot have changed.
"""
