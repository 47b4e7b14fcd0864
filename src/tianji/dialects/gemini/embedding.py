"""Google's embedContent and batchEmbedContents become OpenAI's embeddings, and their answers Google's.

https://ai.google.dev/api/embeddings and https://platform.openai.com/docs/api-reference/embeddings
"""

from typing import Any

import msgspec

from tianji.dialects.gemini.reading import decode, text_of
from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.protocol.gemini.inbound import BatchEmbedContents, EmbedContent


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Embeddings(msgspec.Struct):
    data: list[_Vector]


def read_embedding(body: bytes, model: str, *, batch: bool) -> bytes:
    """Return OpenAI's body for Google's. Raises InvalidRequest for one that holds no text, or differing sizes."""
    requests = decode(body, BatchEmbedContents).requests if batch else [decode(body, EmbedContent)]
    if not requests:
        raise InvalidRequest("requests is empty: send at least one content.", param="requests")
    texts = [text_of(request.content) for request in requests]
    if not all(texts):
        raise InvalidRequest("A content has no text: only texts are embedded here.", param="content")
    sizes = {request.output_dimensionality for request in requests}
    if len(sizes) > 1:
        raise InvalidRequest("All contents of a batch need the same outputDimensionality.", param="requests")
    found: dict[str, Any] = {"model": model, "input": texts, "encoding_format": "float"}
    if (size := sizes.pop()) is not None:
        found["dimensions"] = size
    return msgspec.json.encode(found)


def embedding_body(body: bytes, *, batch: bool) -> bytes:
    """Return Google's answer for OpenAI's. Raises UpstreamProtocolError for one that holds no vectors of numbers."""
    try:
        found = sorted(msgspec.json.decode(body, type=_Embeddings).data, key=lambda vector: vector.index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's embeddings cannot be read: {error}") from error
    vectors = [{"values": vector.embedding} for vector in found]
    if batch:
        return msgspec.json.encode({"embeddings": vectors})
    if len(vectors) != 1:
        raise UpstreamProtocolError(f"the upstream sent {len(vectors)} embeddings for one text")
    return msgspec.json.encode({"embedding": vectors[0]})
