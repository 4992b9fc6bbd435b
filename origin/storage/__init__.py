"""Stores behind mounts: one narrow contract, one file per backend, one behaviour suite for all.

Stores import the contract and never each other. A store knows nothing of HTTP requests, tokens or caches.
"""
