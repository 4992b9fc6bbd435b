"""What the fleet must remember of tokens: which are revoked, which were used once, and who is watching now.

With Redis every worker of every machine knows the same, and a revocation is in force everywhere within a second.
Without it the workers of one machine share a database, which lives as long as their supervisor, and a process that
serves alone remembers for itself.

While Redis is away, what was known to be revoked stays so; a process that starts then knows of nothing, which
`headgate_revocations_age_seconds` tells. What a Redis forgets because it is restarted without persistence, the
processes put back as far as revocations go. Uses and streams are gone: where one-time tokens matter, let Redis persist,
and evict nothing.

What an edge answers from its own cache nobody here is asked about: revocations and streams need an edge that asks, or
short lifetimes there.
"""
