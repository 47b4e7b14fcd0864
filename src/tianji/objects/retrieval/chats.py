"""Chats that name vector stores: what is found for what the user said last stands as a message before it.

`vector_store_ids` and tools of the type `file_search` are LiteLLM's, https://docs.litellm.ai/docs/completion/knowledgebase.
A chat of OpenAI's knows neither.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, UpstreamFailure
from tianji.objects.desk import Desk
from tianji.objects.retrieval.models import told, with_context, with_fields
from tianji.objects.retrieval.stores import opened, searched
from tianji.objects.retrieval.tools import IDS, FileSearch

_FAILS: Final = "error"  # of vector_store_search_failure_mode: a store that cannot be searched fails the request
Json = dict[str, Any]


class _Failed(Struct, frozen=True):
    """A store that could not be searched."""

    vector_store_id: str
    custom_llm_provider: str
    error: str


async def answer(
    desk: Desk, handler: Compiled, exchange: Exchange, match: Match, body: Json, searches: Sequence[FileSearch]
) -> None:
    """Answer a chat with what stores hold. body: without the tools that search files.

    Raises InvalidRequest, ObjectNotFound for a store of somebody else, and what guardrails refuse.
    """
    asks = {name: value for name, value in body.items() if name != IDS}
    if not asks["tools"]:
        del asks["tools"]
        asks.pop("tool_choice", None)
    at, query = _question(body.get("messages"))
    found, failed = await _found(desk, exchange, searches, query) if query else ([], [])
    if failed and desk.places.snapshot.config.litellm_settings.vector_store_search_failure_mode == _FAILS:
        which = "; ".join(f"{one.vector_store_id}: {one.error}" for one in failed)
        raise InvalidRequest(f"not all vector stores could be searched: {which}", param=IDS)
    if query:
        asks["messages"] = with_context(body["messages"], at, [one for page in found for one in page["data"]])
    if body.get("stream") is True or not (found or failed):
        exchange.body = msgspec.json.encode(asks)
        handler(exchange, match)
        return
    status, headers, said = await told(handler, match, exchange, asks)
    if status == 200:
        fields: Json = {"search_results": found} if found else {}
        said = with_fields(said, fields | ({"vector_store_search_failures": failed} if failed else {}))
    exchange.respond(status, headers, said)


async def _found(
    desk: Desk, exchange: Exchange, searches: Sequence[FileSearch], query: str
) -> tuple[list[Json], list[_Failed]]:
    """Return what each store has found, and which could not be searched. Raises ObjectNotFound for one of another's."""
    stores = {
        store: (opened(desk, exchange, store), search.asked(query))
        for search in searches
        for store in search.vector_store_ids
    }
    pages = await asyncio.gather(
        *(searched(desk, exchange, store, asked) for store, asked in stores.values()), return_exceptions=True
    )
    found, failed = [], []
    for (store, _), page in zip(stores.values(), pages, strict=True):
        if isinstance(page, UpstreamFailure):
            failed.append(_Failed(store.id, store.place.provider, page.message))
        elif isinstance(page, BaseException):
            raise page
        else:
            found.append(page)
    return found, failed


def _question(messages: object) -> tuple[int, str]:
    """Return where the user's last message stands, and its text, "" for none: there is nothing to search for then."""
    said = messages if isinstance(messages, list) else []
    for at in range(len(said) - 1, -1, -1):
        if isinstance(said[at], dict) and said[at].get("role") == "user":
            content = said[at].get("content")
            parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
            texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
            return at, "\n".join(text for text in texts if isinstance(text, str))
    return 0, ""
