"""What the fleet must remember of tokens: which are revoked, which were used once, and who is watching now.

With Redis every worker of every machine knows the same, and a revocation is in force everywhere within a second.
Without it each process remembers for itself, and forgets when it ends. What a Redis forgets (it was restarted without
persistence), the processes put back as far as revocations go; uses and streams are gone: let Redis persist, and evict
nothing, where one-time tokens matter.
"""
