"""Requests that the gateway itself makes of its models, by the way that all requests go."""

import asyncio
from types import SimpleNamespace
from typing import Final

import msgspec

from tianji._core.forward import Endpoint
from tianji._core.silent import SilentExchange
from tianji.auth.identity import Identity
from tianji.errors import Header, UpstreamFailure

NO_MATCH: Final = SimpleNamespace(params={})  # of a route without parameters


class _Embedding(msgspec.Struct):
    embedding: list[float]


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]


_ANSWER: Final = msgspec.json.Decoder(_Embeddings)


async def ask(endpoint: Endpoint, body: object, identity: Identity) -> bytes:
    """Return what a model answers to `body`, encoded as JSON. Raises UpstreamFailure when it is no success."""
    ended: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def listen(status: int, _headers: list[Header], answer: bytes) -> None:
        if not ended.done():
            ended.set_result((status, answer))

    endpoint(SilentExchange("", msgspec.json.encode(body), identity, listen), NO_MATCH)
    status, answer = await ended
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
