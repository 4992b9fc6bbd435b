"""The control API on the admin listener: sign and verify, for backends and operators with an API key.

Lives here: what callers may ask (schemas), who they are (API keys), and the routes. May not: know a token's format or
decide an admission; `auth` does.
"""
