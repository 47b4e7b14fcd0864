"""Responses whose model shall search files, where its provider cannot: the gateway searches for it.

The tool becomes a function that every model can call; the model is asked again with what was found, and the client sees
what OpenAI's own search would have shown: https://platform.openai.com/docs/guides/tools-file-search. Each question to
the model goes the way of all, so it is limited, guarded and billed by itself. What is streamed was whole before.
"""

import asyncio
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji.edge.routes import Match
from tianji.errors import UpstreamFailure
from tianji.gateway.beforehand.again import Answer, as_asked, cost_of, with_cost
from tianji.gateway.tools.forms import FORMS, Call, Offer, Said
from tianji.objects.desk import Desk
from tianji.objects.retrieval.models import told
from tianji.objects.retrieval.stores import Opened, opened, searched, text_of
from tianji.objects.retrieval.tools import TYPE, FileSearch

OPERATION: Final = "responses"
FUNCTION: Final = "litellm_file_search"
MOST_LOOPS: Final = 3  # times that a model is asked again
MOST_QUERIES: Final = 5  # of one call
USUAL: Final = 20  # passages that a call may bring, unless the tool says
RESULTS: Final = "file_search_call.results"
_OWN: Final = frozenset({"stream", "stream_options", "include"})  # members that the model is not told as they are
_FORM: Final = FORMS[OPERATION]
_QUERIES: Final = {
    "type": "array",
    "items": {"type": "string"},
    "description": "What to search for, each as a sentence or some words that stand in what is looked for.",
}
_OFFER: Final = Offer(
    FUNCTION,
    TYPE,
    TYPE,
    {
        "description": "Search the files that belong to this conversation. Returns passages of them that fit best.",
        "inputSchema": {"type": "object", "properties": {"queries": _QUERIES}, "required": ["queries"]},
    },
)
_UNREADABLE: Final = (msgspec.DecodeError, LookupError, TypeError, AttributeError, RecursionError)
Json = dict[str, Any]
log: Final = logging.getLogger("tianji.searching")


class Found(Struct, frozen=True):
    """What one call has found, the best first. `failed`: nothing could be searched."""

    call: Call
    queries: tuple[str, ...]
    results: tuple[Json, ...] = ()
    failed: bool = False

    @property
    def said(self) -> Said:
        """What the model is told of it."""
        if self.failed:
            return Said(self.call, _OFFER, "The search failed.", failed=True)
        passages = [f"File: {one.get('filename')}\n{text_of(one)}" for one in self.results]
        return Said(self.call, _OFFER, "\n\n".join(passages) or "Nothing was found.")

    def item(self, *, with_results: bool) -> Json:
        """Return the item that a client is shown."""
        results = [_result(one) for one in self.results] if with_results else None
        status = "failed" if self.failed else "completed"
        queries = list(self.queries)
        return {
            "type": "file_search_call", "id": f"fs_{self.call.id}", "status": status, "queries": queries,
            "results": results,
        }  # fmt: skip


async def answer(
    desk: Desk, handler: Compiled, exchange: Exchange, match: Match, body: Json, searches: Sequence[FileSearch]
) -> None:
    """Answer a request with what stores hold. body: without the tools that search files.

    Raises ObjectNotFound for a store of somebody else, and what guardrails refuse.
    """
    stores = [(search, opened(desk, exchange, store)) for search in searches for store in search.vector_store_ids]
    await _Loop(desk, stores, exchange, functools.partial(told, handler, match, exchange)).run(body)


class _Loop:
    """One request: the model and its searches, in turns."""

    def __init__(self, desk: Desk, stores: Sequence[tuple[FileSearch, Opened]], client: Exchange, ask: Any) -> None:
        self._desk = desk
        self._stores = stores
        self._client = client
        self._ask = ask
        self._found: list[Found] = []
        self._cost = 0.0

    async def run(self, body: Json) -> None:
        """Answer the request."""
        asked = msgspec.json.decode(self._client.body, type=Json)
        shown = {"tools": asked["tools"], "tool_choice": asked.get("tool_choice") or "auto"}
        asks = {name: value for name, value in body.items() if name not in _OWN}
        wanted = body.get("include") or []
        if include := [one for one in wanted if one != RESULTS]:
            asks["include"] = include
        asks["tools"] = [*body["tools"], _FORM.function(_OFFER)]
        choice = asks.get("tool_choice")
        if isinstance(choice, Mapping) and choice.get("type") == TYPE:
            asks["tool_choice"] = {"type": "function", "name": FUNCTION}
        answer = await self._answered(asks, shown, with_results=RESULTS in wanted)
        self._client.respond(*as_asked(OPERATION, answer, stream=body.get("stream") is True, options=None))

    async def _answered(self, asks: Json, shown: Json, *, with_results: bool) -> Answer:
        most = asks.get("max_tool_calls")
        times = min(MOST_LOOPS, most) if isinstance(most, int) else MOST_LOOPS
        earlier: list[Json] = []
        for left in reversed(range(times + 1)):
            status, headers, raw = await self._ask(asks)
            self._cost += cost_of(headers)
            if status != 200:
                return status, headers, raw
            try:
                answer = msgspec.json.decode(raw)
                calls = [call for call in _FORM.calls(answer) if call.name == FUNCTION]
                if not calls or not left:
                    break
                found = await asyncio.gather(*map(self._search, calls))
                self._found += found
                _FORM.proceed(asks, answer, [one.said for one in found], last=left == 1)
                earlier.append(answer)
            except _UNREADABLE:
                log.warning("an answer with searches of files cannot be read, and is handed on as it is")
                return status, headers, raw
        for one in earlier:
            _FORM.add_usage(answer, one)
        answer.update(shown)
        self._finish(answer, with_results=with_results)
        return status, with_cost(headers, self._cost), msgspec.json.encode(answer)

    async def _search(self, call: Call) -> Found:
        """Return what comes of a call. What no store answers is told to the model, which may do without."""
        given = (call.arguments or {}).get("queries")
        texts = [one.strip() for one in given if isinstance(one, str)] if isinstance(given, list) else []
        queries = tuple(dict.fromkeys(filter(None, texts)))[:MOST_QUERIES]
        asked = [(store, tool.asked(query)) for query in queries for tool, store in self._stores]
        pages = await asyncio.gather(
            *(searched(self._desk, self._client, store, one) for store, one in asked), return_exceptions=True
        )
        results: list[Json] = []
        failed = not asked
        for page in pages:
            if isinstance(page, UpstreamFailure):
                log.warning("a search of files for a model failed: %s", page.message)
                failed = True
            elif isinstance(page, BaseException):
                raise page
            else:
                results += page["data"]
        most = max((tool.max_num_results or USUAL for tool, _ in self._stores), default=USUAL)
        best = _best(results)[:most]
        return Found(call, queries, tuple(best), failed=failed and not best)

    def _finish(self, answer: Json, *, with_results: bool) -> None:
        """Show each search before what the model says of it, and in its text the files that were found."""
        files = {one["file_id"]: one for found in self._found for one in found.results if one.get("file_id")}
        for item in answer["output"]:
            parts = item.get("content") if item.get("type") == "message" else None
            part = parts[-1] if isinstance(parts, list) and parts else {}
            if part.get("type") == "output_text":
                cited = [_citation(one, len(part["text"])) for one in files.values()]
                part["annotations"] = [*(part.get("annotations") or ()), *cited]
        answer["output"][:0] = [found.item(with_results=with_results) for found in self._found]


def _best(results: list[Json]) -> list[Json]:
    """Return results by their score, each passage once."""
    passages: dict[tuple[str, str], Json] = {}
    for one in sorted(results, key=_score, reverse=True):
        passages.setdefault((str(one.get("file_id")), text_of(one)), one)
    return [*passages.values()]


def _score(result: Json) -> float:
    score = result.get("score")
    return float(score) if isinstance(score, int | float) else 0.0


def _result(found: Json) -> Json:
    """Return a result as the item of a search shows it."""
    named = {name: found.get(name) for name in ("file_id", "filename", "score", "attributes")}
    return named | {"text": text_of(found)}


def _citation(found: Json, index: int) -> Json:
    """Return where a text was found; a model that is told passages as text does not say which it used, and where."""
    file = {name: found.get(name) for name in ("file_id", "filename")}
    return {"type": "file_citation", "index": index, **file}
