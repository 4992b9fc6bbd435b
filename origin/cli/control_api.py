"""One call of a running gateway's control API, for the commands that make one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from typer import Option

from origin.cli.trouble import ExitCode, Trouble

DEFAULT_API = "http://127.0.0.1:9080"
DEFAULT_KEY_VARIABLE = "CONTROL_API_KEY"  # not HEADGATE_…: those are settings

ApiOption = Annotated[str, Option("--api", help="Where the admin listener is.")]
KeyVariableOption = Annotated[
    str, Option("--key-env", help="Environment variable that holds the API key. It is never an argument.")
]
KeyFileOption = Annotated[Path | None, Option("--key-file", help="File that holds the API key instead.")]

_KEY = re.compile(r"[!-~]{16,128}")
_TIME_LIMIT = 30.0  # seconds for connecting, and between two bytes of the answer
_LARGEST = 1024 * 1024


def api_key(variable: str, file: Path | None) -> str:
    """The API key, from the file if there is one, else from the environment; ends the command without one."""
    if file is None:
        key, where = os.environ.get(variable, ""), f"the environment variable {variable}"
    else:
        where = f"the file {file}"
        try:
            key = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise Trouble(ExitCode.USAGE, f"{where} cannot be read") from None
    if not _KEY.fullmatch(key):
        raise Trouble(ExitCode.USAGE, f"{where} holds no API key")
    return key


def call(api: str, key: str, path: str, body: Mapping[str, object]) -> dict[str, object]:
    """POST `body` to the path; the answer. Ends the command with what went wrong.

    No proxy is asked, no redirect followed: the key goes where `api` says.
    """
    from http.client import HTTPException

    try:
        status, data = _post(api, key, path, json.dumps(body).encode())
    except ValueError:
        raise Trouble(ExitCode.USAGE, "--api is an http or https URL") from None
    except (OSError, HTTPException) as error:
        raise Trouble(ExitCode.UNAVAILABLE, f"the control API does not answer ({type(error).__name__})") from None
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if status == 200 and isinstance(answer, dict):
        return answer
    raise _trouble(status, answer)


def _post(api: str, key: str, path: str, body: bytes) -> tuple[int, bytes]:
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(api)
    kinds = {"http": HTTPConnection, "https": HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("not the URL of a server")
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_TIME_LIMIT)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", parts.path.rstrip("/") + path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(_LARGEST)
    finally:
        connection.close()


def _trouble(status: int, answer: object) -> Trouble:
    """A problem document in one line; what is none is no answer of ours."""
    if not isinstance(answer, dict) or not isinstance(answer.get("reason"), str):
        return Trouble(ExitCode.UNAVAILABLE, f"what answers is no control API (status {status})")
    code = ExitCode.USAGE if 400 <= status < 500 else ExitCode.UNAVAILABLE
    return Trouble(code, f"refused ({answer['reason']}): {answer.get('detail', '')}")
