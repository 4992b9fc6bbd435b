"""The control API's routes: read strictly, ask who it is, do it off the loop, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from aiohttp import StreamReader, web
from pydantic import BaseModel, ValidationError

from origin.control.api_keys import ApiKeys, Permission
from origin.control.openapi import Operation, document, page
from origin.control.schemas import BatchResults, SignBatch, SignRequest, SignResult, VerifyRequest, VerifyResult
from origin.control.signing import Signers, UnsignableError
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes

_MAX_BODY_BYTES = 16 * 1024 * 1024
_BODY_SECONDS = 30.0
_NO_STORE = {"Cache-Control": "no-store"}

SIGN = Operation("POST", "/api/v1/sign", "Sign one URL.", Permission.SIGN, SignRequest, SignResult)
SIGN_BATCH = Operation(
    "POST", "/api/v1/sign/batch", "Sign up to 10,000 URLs.", Permission.SIGN, SignBatch, BatchResults
)
VERIFY = Operation(
    "POST", "/api/v1/verify", "Judge a signed URL, check by check.", Permission.VERIFY, VerifyRequest, VerifyResult
)
OPERATIONS = (SIGN, SIGN_BATCH, VERIFY)

M = TypeVar("M", bound=BaseModel)


def add_control(application: web.Application, signers: Signers, keys: ApiKeys) -> None:
    """Put the control API and its description on the admin application."""
    door = _ControlDoor(signers, keys)
    application.router.add_post(SIGN.path, door.sign)
    application.router.add_post(SIGN_BATCH.path, door.sign_batch)
    application.router.add_post(VERIFY.path, door.verify)
    application.router.add_get("/openapi.json", door.openapi)
    application.router.add_get("/docs", door.docs)


class _ControlDoor:
    def __init__(self, signers: Signers, keys: ApiKeys) -> None:
        self._signers = signers
        self._keys = keys

    async def sign(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, SIGN, SignRequest, self._signers.sign)

    async def sign_batch(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, SIGN_BATCH, SignBatch, self._sign_all)

    async def verify(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, VERIFY, VerifyRequest, self._signers.verify)

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(document(OPERATIONS), headers=_NO_STORE)

    async def docs(self, _request: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": "default-src 'none'"}
        return web.Response(text=page(OPERATIONS), content_type="text/html", headers=_NO_STORE | policy)

    def _sign_all(self, batch: SignBatch, now: float) -> BatchResults:
        results = []
        for position, asked in enumerate(batch.requests):
            try:
                results.append(self._signers.sign(asked, now))
            except UnsignableError as error:
                raise UnsignableError(f"requests[{position}]: {error}") from None
        return BatchResults(results=tuple(results))

    async def _answer(
        self, request: web.Request, operation: Operation, kind: type[M], work: Callable[[M, float], BaseModel]
    ) -> web.StreamResponse:
        key = self._keys.find(request.headers.get("Authorization"))
        if key is None:
            return _refused(401, "api_key_required", "Send Authorization: Bearer with an API key.")
        if operation.permission not in key.permissions:
            return _refused(403, "api_key_not_permitted", f"The API key {key.name} may not {operation.permission}.")
        body = await _body(request)
        if isinstance(body, web.StreamResponse):
            return body
        try:
            asked = kind.model_validate_json(body)
            # In a thread: ten thousand signatures take seconds, and viewers' requests must not wait for them.
            result = await asyncio.to_thread(work, asked, time.time())
        except ValidationError as error:
            return _refused(400, "request_invalid", _first_problem(error))
        except UnsignableError as error:
            return _refused(422, "request_unsignable", str(error))
        data = result.model_dump_json(exclude_defaults=True).encode()
        return web.Response(body=data, content_type="application/json", headers=_NO_STORE)


async def _body(request: web.Request) -> bytes | web.StreamResponse:
    if request.content_type != "application/json":
        return _refused(415, "media_type_unsupported", "The body is application/json.")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            data = await _read(request.content, _MAX_BODY_BYTES + 1)
    except TimeoutError:
        return _refused(408, "request_too_slow", "The body did not arrive in time.")
    if len(data) > _MAX_BODY_BYTES:
        return _refused(413, "request_too_large", f"A body has at most {_MAX_BODY_BYTES} bytes.")
    return data


async def _read(content: StreamReader, limit: int) -> bytes:
    """The body, or so much of it that it is known to be too long."""
    data = bytearray()
    while len(data) < limit and (chunk := await content.readany()):
        data += chunk
    return bytes(data)


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _refused(status: int, reason: str, detail: str) -> web.Response:
    reply = problem_reply(Problem(status, reason, detail=detail))
    body = reply.body.data if isinstance(reply.body, Bytes) else b""
    headers = dict(reply.headers) | _NO_STORE
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(status=status, body=body, headers=headers)
