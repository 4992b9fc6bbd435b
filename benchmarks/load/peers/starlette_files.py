"""Starlette's file server, no token; its servers, uvicorn and granian, write the access log."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

app = Starlette(routes=[Mount("/", StaticFiles(directory=os.environ["SITE"]))])
