"""Ranking of documents: Cohere's form, which clients speak, and those of upstreams that say it otherwise.

https://docs.cohere.com/reference/rerank, https://docs.voyageai.com/reference/reranker-api,
https://docs.nvidia.com/nim/nemo-retriever/text-reranking.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest, UpstreamProtocolError

Style = Literal["cohere", "voyage", "nim"]
PER_SEARCH: Final = 100  # documents that Cohere bills as one search
_DECODE: Final = msgspec.json.Decoder(dict[str, Any])
_KNOWN: Final = frozenset({"model", "query", "documents", "top_n", "return_documents"})


class Result(Struct, omit_defaults=True):
    """How well one document fits; `index` is its place in the request."""

    index: int
    relevance_score: float
    document: Any = None


class _Voyage(Struct):
    data: list[Result]


class _Ranking(Struct):
    index: int
    logit: float


class _Nim(Struct):
    rankings: list[_Ranking]


class _Cohere(Struct):
    results: list[Result]


def request(style: Style, body: bytes) -> bytes:
    """Write a request in Cohere's form as the upstream reads it. Raises InvalidRequest."""
    if style == "cohere":
        return body
    members = _DECODE.decode(body)
    documents = [_text(document) for document in members["documents"]]
    more = {name: value for name, value in members.items() if name not in _KNOWN}
    most = members.get("top_n")
    if style == "voyage":
        told = {"model": members["model"], "query": members["query"], "documents": documents, "top_k": most}
        told["return_documents"] = members.get("return_documents")
    else:
        told = {"model": members["model"], "query": {"text": members["query"]}, "top_k": most}
        told["passages"] = [{"text": document} for document in documents]
    return msgspec.json.encode({name: value for name, value in told.items() if value is not None} | more)


def answer(style: Style, body: bytes) -> tuple[bytes, int]:
    """Return an answer in Cohere's form, and how many searches it is billed as. Raises UpstreamProtocolError."""
    try:
        said: Any = msgspec.json.decode(body)
        results = _results(style, body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's ranks are not as it says them: {error}") from None
    members: dict[str, Any] = said if isinstance(said, dict) else {}
    meta = _object(members, "meta")
    billed = _object(meta, "billed_units")
    tokens = _object(members, "usage").get("total_tokens")
    if isinstance(tokens, int):
        billed = {"total_tokens": tokens, **billed}
        meta = {"tokens": {"input_tokens": tokens}, **meta}
    units = billed.get("search_units")
    told = {"id": members.get("id"), "results": results, "meta": {**meta, "billed_units": billed}}
    if style == "cohere":
        told = members | told
    return msgspec.json.encode(told), units if isinstance(units, int) and units >= 0 else 1


def usage(body: bytes) -> bytes:
    """Return what an answer in Cohere's form says of tokens, as OpenAI's answers do."""
    tokens = _object(_object(_DECODE.decode(body), "meta"), "billed_units").get("total_tokens")
    count = tokens if isinstance(tokens, int) else 0
    return msgspec.json.encode({"usage": {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}})


def _results(style: Style, body: bytes) -> list[Result]:
    if style == "voyage":
        return msgspec.json.decode(body, type=_Voyage).data
    if style == "nim":
        rankings = msgspec.json.decode(body, type=_Nim).rankings
        return [Result(ranking.index, ranking.logit) for ranking in rankings]
    return msgspec.json.decode(body, type=_Cohere).results


def _object(members: dict[str, Any], name: str) -> dict[str, Any]:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def _text(document: Any) -> str:
    if isinstance(document, str):
        return document
    text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise InvalidRequest("documents: each is a text, or an object whose `text` is one", param="documents")
    return text
