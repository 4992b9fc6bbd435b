"""Playlists and MPDs as templates: literal bytes and URI slots, compiled once, rendered per viewer.

`hls` and `dash` compile, `template` renders, `references` tells where a slot points. The source is never
written anew, only cut: whatever is not a URI leaves as it came. What cannot be read without doubt is
`Malformed`.

May not: know tokens, stores or HTTP. A renderer receives a function from slot to URI.
"""
