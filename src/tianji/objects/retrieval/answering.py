"""A question that is answered out of a vector store: found there, ranked anew if wanted, and told to a model.

The request is LiteLLM's, https://docs.litellm.ai/docs/rag_query. What was found stands as a message before the last.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji.errors import InvalidRequest, MalformedJSON, UpstreamProtocolError
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.objects.desk import Desk
from tianji.objects.retrieval.models import told, with_context, with_fields
from tianji.objects.retrieval.stores import opened, searched, text_of

_MOST: Final = 50  # of what is found, which OpenAI allows at most
_OURS: Final = ("retrieval_config", "rerank")
Endpoints = Callable[[str], Compiled]
Json = dict[str, Any]


class _Retrieval(Struct):
    vector_store_id: str
    top_k: int = 10
    filters: Json | None = None
    retrieval_filter: Json | None = None
    custom_llm_provider: str | None = None


class _Rerank(Struct):
    model: str = ""
    enabled: bool = True
    top_n: int = 5


class _Asked(Struct):
    model: str
    messages: list[Json]
    retrieval_config: _Retrieval
    rerank: _Rerank | None = None
    stream: bool | None = None


async def answer(desk: Desk, endpoint: Endpoints, exchange: Exchange) -> None:
    """Answer a request. `endpoint`: returns the handler of an operation, which answers as it always does.

    Raises what the request is refused with before a model is asked.
    """
    asked = _read(exchange.body)
    query = _query(asked.messages)
    found = await _found(desk, exchange, asked.retrieval_config, query)
    data = found["data"]
    ranked: Json | None = None
    if asked.rerank is not None and asked.rerank.enabled and data:
        wanted: Json = {"model": asked.rerank.model, "query": query, "documents": [*map(text_of, data)]}
        wanted["top_n"] = asked.rerank.top_n
        status, headers, body = await told(endpoint("rerank"), NO_MATCH, exchange, wanted)
        if status != 200:
            exchange.respond(status, headers, body)
            return
        ranked = msgspec.json.decode(body, type=Json)
        data = _in_order(data, ranked)
    members = msgspec.json.decode(exchange.body, type=Json)
    asks = {name: value for name, value in members.items() if name not in _OURS}
    asks["messages"] = with_context(asked.messages, -1, data)
    if asked.stream:
        exchange.body = msgspec.json.encode(asks)
        endpoint("chat")(exchange, NO_MATCH)
        return
    status, headers, body = await told(endpoint("chat"), NO_MATCH, exchange, asks)
    if status == 200:
        more = {} if ranked is None else {"rerank_results": ranked}
        body = with_fields(body, {"search_results": found} | more)
    exchange.respond(status, headers, body)


def _read(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the request does not fit: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not JSON: {error}") from None
    if not 1 <= asked.retrieval_config.top_k <= _MOST:
        raise InvalidRequest(f"top_k: expected a number from 1 to {_MOST}", param="retrieval_config")
    if asked.rerank is not None and asked.rerank.enabled and not asked.rerank.model:
        raise InvalidRequest("Missing required parameter: 'model' of `rerank`.", param="rerank")
    return asked


def _query(messages: list[Json]) -> str:
    """Return what is asked: the first text of the last message. Raises InvalidRequest where there is none."""
    content = messages[-1].get("content") if messages else None
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    query = next((text for text in texts if isinstance(text, str) and text), None)
    if query is None:
        raise InvalidRequest("the last message holds no text to search for", param="messages")
    return query


async def _found(desk: Desk, exchange: Exchange, wanted: _Retrieval, query: str) -> Json:
    """Return what a store has found. Raises ObjectNotFound for a store of somebody else, and what its place says."""
    asked: Json = {"query": query, "max_num_results": wanted.top_k}
    if filters := wanted.filters or wanted.retrieval_filter:
        asked["filters"] = filters
    return await searched(desk, exchange, opened(desk, exchange, wanted.vector_store_id), asked)


def _in_order(data: list[Json], ranked: Json) -> list[Json]:
    """Return what was found in the order of its ranks. Raises UpstreamProtocolError for ranks of anything else."""
    try:
        return [data[int(one["index"])] for one in ranked["results"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise UpstreamProtocolError("the answer to `rerank` ranks what was not found") from None
