"""Cohere's /rerank, and Voyage's where the request is said so.

Source of the forms: https://docs.cohere.com/reference/rerank and https://docs.voyageai.com/reference/reranker-api
"""

from typing import Any

import msgspec

from tianji.mock.json import Json, encode
from tianji.mock.script import Answer
from tianji.mock.text import count_words, seed_of

PER_SEARCH = 100  # documents


class RankRequest(msgspec.Struct):
    """What the mock reads of a request for ranks."""

    query: str
    documents: list[Any]
    model: str = ""
    top_n: int | None = None
    top_k: int | None = None


def rerank(request: RankRequest) -> Answer:
    """Rank documents by the words that they share with the query."""
    wanted = set(request.query.split())
    texts = [document if isinstance(document, str) else str(document.get("text")) for document in request.documents]
    scores = [len(wanted.intersection(text.split())) / max(1, len(wanted)) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: -scores[index])
    most = request.top_n or request.top_k or len(texts)
    results: list[Json] = [{"index": index, "relevance_score": scores[index]} for index in order[:most]]
    tokens = count_words(" ".join((request.query, *texts)))
    if request.top_k is not None or request.model.startswith("rerank-2"):
        return Answer(body=encode({"object": "list", "data": results, "usage": {"total_tokens": tokens}}))
    body: Json = {"id": f"rank-mock-{seed_of(request.query, *texts):08x}", "results": results}
    if request.model.startswith("jina"):
        return Answer(body=encode(body | {"model": request.model, "usage": {"total_tokens": tokens}}))
    units = -(-len(texts) // PER_SEARCH)
    return Answer(
        body=encode(body | {"meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}})
    )
