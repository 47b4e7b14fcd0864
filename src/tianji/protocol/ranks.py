"""Ranking of documents: Cohere's form, which clients speak, and those of upstreams that say it otherwise.

https://docs.cohere.com/reference/rerank; the functions below name the documents of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.protocol.loose import object_of

Style = Literal["cohere", "voyage", "nim", "tei", "watsonx", "vertex", "bedrock", "deepinfra"]
PER_SEARCH: Final = 100  # documents that Cohere, and who serves its models, bills as one search
MODEL_ARN: Final = "modelArn"  # how Bedrock is told a model; set by the deployment
UNWRAPPED: Final = frozenset({"tei"})  # styles whose answer is a list
_UNSORTED: Final = frozenset({"tei", "deepinfra"})  # which rank all there is, in any order
_DECODE: Final = msgspec.json.Decoder(dict[str, Any])
_KNOWN: Final = frozenset({"model", "query", "documents", "top_n", "return_documents"})
Json = dict[str, Any]


class Result(Struct, omit_defaults=True):
    """How well one document fits; `index` is its place in the request."""

    index: int
    relevance_score: float
    document: Any = None


class Ask(Struct, frozen=True):
    """What is asked: `count` documents, as texts; the most results that are wanted; members of the upstream's own.

    texts: none for who reads Cohere's form, where documents may be anything
    """

    model: str
    query: str
    count: int
    texts: Sequence[str] = ()
    most: int | None = None
    shows_documents: bool | None = None
    more: Mapping[str, Any] = {}


def read(style: Style, body: bytes) -> Ask:
    """Read a request in Cohere's form. Raises InvalidRequest for documents that the upstream cannot be told."""
    members = _DECODE.decode(body)
    documents = members["documents"]
    most, shows = members.get("top_n"), members.get("return_documents")
    return Ask(
        model=str(members["model"]),
        query=members["query"],
        count=len(documents),
        texts=() if style == "cohere" else [_text(document) for document in documents],
        most=most if isinstance(most, int) and most > 0 else None,
        shows_documents=shows if isinstance(shows, bool) else None,
        more={name: value for name, value in members.items() if name not in _KNOWN},
    )


def request(style: Style, body: bytes, ask: Ask) -> bytes:
    """Write a request, which is `body` in Cohere's form, as the upstream reads it."""
    if style == "cohere":
        return body
    told, more = _REQUESTS[style](ask), dict(ask.more)
    more.pop(MODEL_ARN, None)
    return msgspec.json.encode({name: value for name, value in told.items() if value is not None} | more)


def _voyage(ask: Ask) -> Json:
    """https://docs.voyageai.com/reference/reranker-api."""
    told: Json = {"model": ask.model, "query": ask.query, "documents": ask.texts, "top_k": ask.most}
    return told | {"return_documents": ask.shows_documents}


def _nim(ask: Ask) -> Json:
    """https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html."""
    passages = [{"text": text} for text in ask.texts]
    return {"model": ask.model, "query": {"text": ask.query}, "top_k": ask.most, "passages": passages}


def _tei(ask: Ask) -> Json:
    """https://huggingface.github.io/text-embeddings-inference: one server has one model, which nobody names."""
    return {"query": ask.query, "texts": ask.texts, "return_text": ask.shows_documents}


def _watsonx(ask: Ask) -> Json:
    """https://cloud.ibm.com/apidocs/watsonx-ai#text-rerank."""
    inputs = [{"text": text} for text in ask.texts]
    options = None if ask.most is None else {"return_options": {"top_n": ask.most}}
    return {"model_id": ask.model, "query": ask.query, "inputs": inputs, "parameters": options}


def _vertex(ask: Ask) -> Json:
    """https://cloud.google.com/generative-ai-app-builder/docs/ranking."""
    records = [{"id": str(at), "content": text} for at, text in enumerate(ask.texts)]
    told: Json = {"model": ask.model, "query": ask.query, "records": records, "topN": ask.most}
    return told | {"ignoreRecordDetailsInResponse": True}


def _bedrock(ask: Ask) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html."""
    sources = [
        {
            "type": "INLINE",
            "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}},
        }
        for text in ask.texts
    ]
    wanted = {
        "modelConfiguration": {"modelArn": ask.more.get(MODEL_ARN)},
        "numberOfResults": min(ask.most or ask.count, ask.count),
    }
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": ask.query}}],
        "sources": sources,
        "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": wanted},
    }


def _deepinfra(ask: Ask) -> Json:
    """https://deepinfra.com/Qwen/Qwen3-Reranker-8B/api: a query for each document."""
    return {"queries": [ask.query] * ask.count, "documents": ask.texts}


_REQUESTS: Final[Mapping[Style, Callable[[Ask], Json]]] = {
    "voyage": _voyage,
    "nim": _nim,
    "tei": _tei,
    "watsonx": _watsonx,
    "vertex": _vertex,
    "bedrock": _bedrock,
    "deepinfra": _deepinfra,
}


class _Cohere(Struct):
    results: list[Result]


class _Voyage(Struct):
    data: list[Result]


class _Ranking(Struct):
    index: int
    logit: float


class _Nim(Struct):
    rankings: list[_Ranking]


class _Scored(Struct):
    index: int
    score: float
    text: str | None = None


class _Watsonx(Struct):
    results: list[_Scored]


class _Record(Struct):
    id: str
    score: float


class _Vertex(Struct):
    records: list[_Record]


class _Found(Struct, rename="camel"):
    index: int
    relevance_score: float


class _Bedrock(Struct):
    results: list[_Found]


class _DeepInfra(Struct):
    scores: list[float]


def _cohere_ranks(body: bytes) -> list[Result]:
    return msgspec.json.decode(body, type=_Cohere).results


def _voyage_ranks(body: bytes) -> list[Result]:
    return msgspec.json.decode(body, type=_Voyage).data


def _nim_ranks(body: bytes) -> list[Result]:
    return [Result(one.index, one.logit) for one in msgspec.json.decode(body, type=_Nim).rankings]


def _tei_ranks(body: bytes) -> list[Result]:
    return [_shown(one) for one in msgspec.json.decode(body, type=list[_Scored])]


def _watsonx_ranks(body: bytes) -> list[Result]:
    return [Result(one.index, one.score) for one in msgspec.json.decode(body, type=_Watsonx).results]


def _vertex_ranks(body: bytes) -> list[Result]:
    return [Result(int(one.id), one.score) for one in msgspec.json.decode(body, type=_Vertex).records]


def _bedrock_ranks(body: bytes) -> list[Result]:
    return [Result(one.index, one.relevance_score) for one in msgspec.json.decode(body, type=_Bedrock).results]


def _deepinfra_ranks(body: bytes) -> list[Result]:
    scores = msgspec.json.decode(body, type=_DeepInfra).scores
    return [Result(at, score) for at, score in enumerate(scores)]


_ANSWERS: Final[Mapping[Style, Callable[[bytes], list[Result]]]] = {
    "cohere": _cohere_ranks,
    "voyage": _voyage_ranks,
    "nim": _nim_ranks,
    "tei": _tei_ranks,
    "watsonx": _watsonx_ranks,
    "vertex": _vertex_ranks,
    "bedrock": _bedrock_ranks,
    "deepinfra": _deepinfra_ranks,
}


def answer(style: Style, body: bytes, ask: Ask) -> tuple[bytes, int]:
    """Return an answer in Cohere's form, and how many searches it is billed as. Raises UpstreamProtocolError."""
    try:
        said: Any = msgspec.json.decode(body)
        results = _ANSWERS[style](body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's ranks are not as it says them: {error}") from None
    if style in _UNSORTED:
        results = sorted(results, key=lambda result: -result.relevance_score)[: ask.most]
    members = object_of(said)
    meta = object_of(members.get("meta"))
    billed = object_of(meta.get("billed_units"))
    tokens = _tokens(members)
    if tokens is not None:
        billed = {"total_tokens": tokens, **billed}
        meta = {"tokens": {"input_tokens": tokens}, **meta}
    units = billed.get("search_units")
    told = {"id": members.get("id"), "results": results, "meta": {**meta, "billed_units": billed}}
    if style == "cohere":
        told = members | told
    searches = units if isinstance(units, int) and units >= 0 else max(1, -(-ask.count // PER_SEARCH))
    return msgspec.json.encode(told), searches


def usage(body: bytes) -> bytes:
    """Return what an answer in Cohere's form says of tokens, as OpenAI's answers do."""
    tokens = object_of(object_of(_DECODE.decode(body).get("meta")).get("billed_units")).get("total_tokens")
    count = tokens if isinstance(tokens, int) else 0
    return msgspec.json.encode({"usage": {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}})


def _tokens(members: Json) -> int | None:
    """Return how many tokens were read, where an answer says that."""
    for said in (
        object_of(members.get("usage")).get("total_tokens"),
        members.get("input_token_count"),
        members.get("input_tokens"),
    ):
        if isinstance(said, int):
            return said
    return None


def _shown(one: _Scored) -> Result:
    return Result(one.index, one.score, None if one.text is None else {"text": one.text})


def _text(document: Any) -> str:
    if isinstance(document, str):
        return document
    text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise InvalidRequest("documents: each is a text, or an object whose `text` is one", param="documents")
    return text
