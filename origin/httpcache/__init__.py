"""What a shared HTTP cache may do with a response: RFC 9111, 5861, 8246 and 9213, as functions of values.

Nothing here waits, reads a clock or knows where responses are kept. `origin.shield` acts on what is decided here.
"""
