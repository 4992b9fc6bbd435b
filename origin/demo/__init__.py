"""The demonstration: a test asset made by a real ffmpeg, and a page that plays it with real players.

`clock`, `plan` and `manifests` are pure; `ffmpeg` and `players` start child processes and own the state
directory; `page` renders and loads what the public listener serves below `/player/`. Nothing on the way of a
media request needs this room.
May import: nothing of ours above `http` and `media`.
"""
