"""The control API's routes: read strictly, ask who it is, do it off the loop, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import StreamReader, web
from pydantic import BaseModel, ValidationError

from auth import Misuse
from cache.purges import PurgeMeaningless
from origin.control.api_keys import ApiKeys, Permission
from origin.control.openapi import Operation, document, page
from origin.control.purges import Purging
from origin.control.revocations import RevocationDesk
from origin.control.schemas import (
    BatchResults,
    PurgeReceipt,
    PurgeRequest,
    RevocationEntry,
    RevocationList,
    RevokeRequest,
    SignBatch,
    SignRequest,
    SignResult,
    VerifyRequest,
    VerifyResult,
)
from origin.control.signing import Signers, UnsignableError
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes
from origin.ledger.store import LedgerFull, LedgerUnavailable

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
REVOKE = Operation(
    "POST",
    "/api/v1/revocations",
    "Revoke tokens; in force in the whole fleet within a second.",
    Permission.REVOKE,
    RevokeRequest,
    RevocationEntry,
    needs_store=True,
)
REVOCATIONS = Operation("GET", "/api/v1/revocations", "List what is revoked.", Permission.REVOKE, None, RevocationList)
LIFT = Operation(
    "DELETE", "/api/v1/revocations/{id}", "Take a revocation back.", Permission.REVOKE, None, None, needs_store=True
)
PURGE = Operation(
    "POST",
    "/api/v1/purge",
    "Purge from the cache; in force in the whole fleet within a second.",
    Permission.PURGE,
    PurgeRequest,
    PurgeReceipt,
)
OPERATIONS = (SIGN, SIGN_BATCH, VERIFY, REVOKE, REVOCATIONS, LIFT, PURGE)
_RETRY_AFTER = "2"  # seconds

M = TypeVar("M", bound=BaseModel)


def add_control(
    application: web.Application,
    signers: Signers,
    desk: RevocationDesk,
    keys: ApiKeys,
    purging: Purging | None = None,
) -> None:
    """Put the control API and its description on the admin application. Without `purging` every purge is refused."""
    door = _ControlDoor(signers, desk, keys, purging)
    application.router.add_post(SIGN.path, door.sign)
    application.router.add_post(SIGN_BATCH.path, door.sign_batch)
    application.router.add_post(VERIFY.path, door.verify)
    application.router.add_post(REVOKE.path, door.revoke)
    application.router.add_get(REVOCATIONS.path, door.revocations)
    application.router.add_delete(LIFT.path, door.lift)
    application.router.add_post(PURGE.path, door.purge)
    application.router.add_get("/openapi.json", door.openapi)
    application.router.add_get("/docs", door.docs)


class _ControlDoor:
    def __init__(self, signers: Signers, desk: RevocationDesk, keys: ApiKeys, purging: Purging | None) -> None:
        self._signers = signers
        self._desk = desk
        self._purging = purging
        self._keys = keys

    async def sign(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, SIGN, SignRequest, _in_a_thread(self._signers.sign))

    async def sign_batch(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, SIGN_BATCH, SignBatch, _in_a_thread(self._sign_all))

    async def verify(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, VERIFY, VerifyRequest, _in_a_thread(self._signers.verify))

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, REVOKE, RevokeRequest, self._desk.revoke)

    async def revocations(self, request: web.Request) -> web.StreamResponse:
        refused = self._refusal(request, REVOCATIONS)
        if refused is not None:
            return refused
        # In a thread: the list may be long.
        data = await asyncio.to_thread(lambda: _json(self._desk.list()))
        return web.Response(body=data, content_type="application/json", headers=_NO_STORE)

    async def lift(self, request: web.Request) -> web.StreamResponse:
        refused = self._refusal(request, LIFT)
        if refused is not None:
            return refused
        try:
            was_there = await self._desk.lift(request.match_info["id"])
        except LedgerUnavailable as error:
            return _without_ledger(error)
        if not was_there:
            return _refused(404, "revocation_not_found", "Nothing is revoked under this id.")
        return web.Response(status=204, headers=_NO_STORE)

    async def purge(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, PURGE, PurgeRequest, self._purge)

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(document(OPERATIONS), headers=_NO_STORE)

    async def docs(self, _request: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": "default-src 'none'"}
        return web.Response(text=page(OPERATIONS), content_type="text/html", headers=_NO_STORE | policy)

    async def _purge(self, asked: PurgeRequest) -> PurgeReceipt:
        if self._purging is None:
            raise PurgeMeaningless("nothing is cached here")
        return await self._purging.purge(asked)

    def _sign_all(self, batch: SignBatch, now: float) -> BatchResults:
        results = []
        for position, asked in enumerate(batch.requests):
            try:
                results.append(self._signers.sign(asked, now))
            except UnsignableError as error:
                raise UnsignableError(f"requests[{position}]: {error}") from None
        return BatchResults(results=tuple(results))

    async def _answer(
        self, request: web.Request, operation: Operation, kind: type[M], work: Callable[[M], Awaitable[BaseModel]]
    ) -> web.StreamResponse:
        refused = self._refusal(request, operation)
        if refused is not None:
            return refused
        body = await _body(request)
        if isinstance(body, web.StreamResponse):
            return body
        try:
            result = await work(kind.model_validate_json(body))
        except ValidationError as error:
            return _refused(400, "request_invalid", _first_problem(error))
        except UnsignableError as error:
            return _refused(422, "request_unsignable", str(error))
        except PurgeMeaningless as error:
            return _refused(422, "purge_meaningless", str(error))
        except Misuse as error:
            return _refused(422, "revocation_meaningless", str(error))
        except (LedgerFull, LedgerUnavailable) as error:
            return _without_ledger(error)
        return web.Response(body=_json(result), content_type="application/json", headers=_NO_STORE)

    def _refusal(self, request: web.Request, operation: Operation) -> web.Response | None:
        key = self._keys.find(request.headers.get("Authorization"))
        if key is None:
            return _refused(401, "api_key_required", "Send Authorization: Bearer with an API key.")
        if operation.permission not in key.permissions:
            return _refused(403, "api_key_not_permitted", f"The API key {key.name} may not {operation.permission}.")
        return None


def _in_a_thread(work: Callable[[M, float], BaseModel]) -> Callable[[M], Awaitable[BaseModel]]:
    """Ten thousand signatures take seconds, and viewers' requests must not wait for them."""
    return lambda asked: asyncio.to_thread(work, asked, time.time())


def _json(result: BaseModel) -> bytes:
    return result.model_dump_json(exclude_defaults=True).encode()


def _without_ledger(error: LedgerFull | LedgerUnavailable) -> web.Response:
    if isinstance(error, LedgerFull):
        refused = _refused(503, "revocations_full", "No more are kept; lift some, or rotate the keys.")
    else:
        refused = _refused(503, "token_store_unavailable", "It may or may not be in force; ask again.")
    refused.headers["Retry-After"] = _RETRY_AFTER
    return refused


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
