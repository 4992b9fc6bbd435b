"""HTTP semantics as values: RFC 9110, 9111, 9211, 9213, 9457.

Lives here: ranges, validators, preconditions, content coding, caching fields, CORS, and the `Reply` that
every handler returns. May not: read a clock, a socket, a file or the environment. Imports nothing of ours.
"""
