"""Requests that the gateway itself makes of its models, by the way that all requests go."""

import asyncio
from types import SimpleNamespace
from typing import Final

import msgspec

from tianji._core.requests.forward import Endpoint
from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import Identity
from tianji.errors import Header, UpstreamFailure

NO_MATCH: Final = SimpleNamespace(params={})  # of a route without parameters


class _Embedding(msgspec.Struct):
    embedding: list[float]


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]


_ANSWER: Final = msgspec.json.Decoder(_Embeddings)


async def reply(endpoint: Endpoint, body: object, identity: Identity) -> tuple[int, bytes]:
    """Return status and body of what a model answers to `body`, encoded as JSON; status 0 where that was cut off.

    Whoever waits for it no more ends the call upstream.
    """
    ended: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def listen(status: int, _headers: list[Header], answer: bytes) -> None:
        if not ended.done():
            ended.set_result((status, answer))

    exchange = SilentExchange("", msgspec.json.encode(body), identity, listen)
    endpoint(exchange, NO_MATCH)
    try:
        return await ended
    finally:
        if ended.cancelled():
            exchange.leave()


async def ask(endpoint: Endpoint, body: object, identity: Identity) -> bytes:
    """Return what a model answers to `body`, encoded as JSON. Raises UpstreamFailure when it is no success."""
    status, answer = await reply(endpoint, body, identity)
    if status != 200:
        raise UpstreamFailure(f"a request of the gateway's own ended with {status}")
    return answer


async def embed(endpoint: Endpoint, group: str, identity: Identity, texts: list[str]) -> list[list[float]]:
    """Return the vectors of texts by a model group. Raises UpstreamFailure as above."""
    answer = await ask(endpoint, {"model": group, "input": texts}, identity)
    try:
        return [row.embedding for row in _ANSWER.decode(answer).data]
    except msgspec.DecodeError as error:
        raise UpstreamFailure(f"embeddings of model {group}: {error}") from error
