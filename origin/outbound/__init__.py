"""Purges for the caches in front: nginx, Varnish, Fastly, Cloudflare and CloudFront, each by its documented API.

An edge is a value that turns purges into HTTP calls and judges the answers; it neither waits nor sends. `pushing` does
the waiting, and `transport` alone speaks to the network.
"""
