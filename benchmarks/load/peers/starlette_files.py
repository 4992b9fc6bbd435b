"""Starlette's file server under uvicorn with uvloop and httptools: no token, access log on."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles


def main() -> None:
    """`python starlette_files.py MEDIA PORT`; the access log goes to standard output."""
    app = Starlette(routes=[Mount("/", StaticFiles(directory=sys.argv[1]))])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", timeout_keep_alive=75)


if __name__ == "__main__":
    main()
