"""Where key rings come from: files, the environment, issuers' published sets and Redis.

All are JSON Web Keys, read strictly and within bounds. A ring is swapped whole when its source has changed, and stays
as it is while its source is broken or away.
"""
