"""Playlists and MPDs as templates: literal bytes and URI slots, compiled once, rendered per viewer.

May not: know tokens, stores or HTTP. A renderer receives a function from slot to URI.
"""
