"""A question that is answered out of a vector store: found there, ranked anew if wanted, and told to a model.

The request is LiteLLM's, https://docs.litellm.ai/docs/rag_query. What was found stands as a message before the last.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.errors import Header, InvalidRequest, MalformedJSON, UpstreamProtocolError
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.objects.desk import Desk
from tianji.objects.guarding import judged
from tianji.objects.kinds import STORE
from tianji.objects.naming import Asking, shown
from tianji.objects.relay import Request
from tianji.objects.rows import ROWS

_BEFORE: Final = "Context:\n\n"
_MOST: Final = 50  # of what is found, which OpenAI allows at most
_LOOK: Final = 0.1  # seconds between two looks whether the client is still there
_OURS: Final = ("retrieval_config", "rerank")
_GUARDED: Final = frozenset({"guardrails", "metadata", "litellm_metadata", "policies"})  # members that guardrails read
_SEARCH: Final = next(row for row in ROWS if row.path == "/vector_stores/{store}/search")
_JSON: Final[Header] = (b"content-type", b"application/json")
_BETA: Final[Header] = (b"openai-beta", b"assistants=v2")
Endpoints = Callable[[str], Compiled]
Answer = tuple[int, list[Header], bytes]
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
        wanted = {"model": asked.rerank.model, "query": query, "documents": [*map(_text, data)]}
        status, headers, body = await _told(endpoint("rerank"), exchange, wanted | {"top_n": asked.rerank.top_n})
        if status != 200:
            exchange.respond(status, headers, body)
            return
        ranked = msgspec.json.decode(body, type=Json)
        data = _in_order(data, ranked)
    members = msgspec.json.decode(exchange.body, type=Json)
    told = {name: value for name, value in members.items() if name not in _OURS}
    told["messages"] = _with_context(asked.messages, data)
    if asked.stream:
        exchange.body = msgspec.json.encode(told)
        endpoint("chat")(exchange, NO_MATCH)
        return
    status, headers, body = await _told(endpoint("chat"), exchange, told)
    if status == 200:
        body = _with_results(body, found, ranked)
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
    caller = exchange.identity
    if not isinstance(caller, Identity):
        raise TypeError("stores need a caller")
    asking = Asking(desk.seal, caller)
    asking.take(STORE, wanted.vector_store_id)
    place = desk.places.lying(asking)
    searched: Json = {"query": query, "max_num_results": wanted.top_k}
    if filters := wanted.filters or wanted.retrieval_filter:
        searched["filters"] = filters
    members = msgspec.json.decode(exchange.body, type=Json)
    about = {name: members[name] for name in _GUARDED & members.keys()}
    judged_as, reader = await judged(desk.guards(), _SEARCH, exchange, desk.places, about | searched, place)
    searched = {name: judged_as[name] for name in searched}
    body = msgspec.json.encode(asking.said_to(place.digest, searched))
    store = quote(asking.at(place.digest, STORE, wanted.vector_store_id), safe="")
    path = f"/vector_stores/{store}/search"
    told = await desk.relay.ask(place, Request("POST", path, "", (_BETA, _JSON), (body,), len(body)))
    page: Json = shown(desk.seal, place.digest, owner_of(caller), told)
    if reader is not None:
        left = await reader.whole(_SEARCH.spoken, place.group or "", msgspec.json.encode(page))
        page = msgspec.json.decode(left, type=Json)
    data = page.get("data")
    return {**page, "data": [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []}


def _text(result: Json) -> str:
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    return "\n\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


def _in_order(data: list[Json], ranked: Json) -> list[Json]:
    """Return what was found in the order of its ranks. Raises UpstreamProtocolError for ranks of anything else."""
    try:
        return [data[int(one["index"])] for one in ranked["results"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise UpstreamProtocolError("the answer to `rerank` ranks what was not found") from None


def _with_context(messages: list[Json], data: list[Json]) -> list[Json]:
    """Return messages with what was found before the last; as they are where that is nothing."""
    texts = [text for text in map(_text, data) if text]
    if not texts:
        return messages
    context = {"role": "user", "content": _BEFORE + "".join(f"{text}\n\n" for text in texts)}
    return [*messages[:-1], context, messages[-1]]


async def _told(handler: Compiled, client: Exchange, body: Json) -> Answer:
    """Return what is answered to a body that goes the way of all, as the client's; it ends when the client leaves."""
    ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def listen(status: int, headers: list[Header], answer: bytes) -> None:
        if not ended.done():
            ended.set_result((status, headers, answer))

    exchange = SilentExchange(client.path, msgspec.json.encode(body), client.identity, listen, client.headers)
    exchange.logins = client.logins
    handler(exchange, NO_MATCH)
    while not ended.done():
        await asyncio.wait({ended}, timeout=_LOOK)
        if client.gone and not ended.done():
            exchange.leave()
            return 499, [], b""
    return ended.result()


def _with_results(body: bytes, found: Json, ranked: Json | None) -> bytes:
    """Return an answer of chat whose messages say what was found for them."""
    told = msgspec.json.decode(body)
    for choice in told.get("choices") or ():
        fields = choice["message"].get("provider_specific_fields") or {}
        more = {"search_results": found} | ({} if ranked is None else {"rerank_results": ranked})
        choice["message"]["provider_specific_fields"] = {**fields, **more}
    return msgspec.json.encode(told)
