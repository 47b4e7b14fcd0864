"""OpenAI's /embeddings, /moderations and /models.

Source of the forms: https://platform.openai.com/docs/api-reference/embeddings and the pages beside it.
"""

import base64
import math
import random
import struct
from typing import Any

import msgspec

from tianji.mock.json import CREATED, encode
from tianji.mock.script import Answer
from tianji.mock.text import count_words, seed_of

DEFAULT_DIMENSIONS = 64
FLAGGED_WORD = "violence"  # a text that holds it is flagged
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class EmbeddingRequest(msgspec.Struct):
    """What the mock reads of an embedding request."""

    model: str
    input: str | list[Any]
    encoding_format: str | None = None
    dimensions: int | None = None


class ModerationRequest(msgspec.Struct):
    """What the mock reads of a moderation request."""

    input: str | list[Any]
    model: str = "omni-moderation-latest"


def texts_of(given: str | list[Any]) -> list[str]:
    """Return the inputs as texts; token numbers count as a word each."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [_text(item) for item in given]


def _text(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("text", ""))
    return " ".join(map(str, item)) if isinstance(item, list) else str(item)


def embeddings(request: EmbeddingRequest) -> Answer:
    """Answer with unit vectors that follow from model and text; base64 holds little-endian 32-bit floats."""
    texts = texts_of(request.input)
    coded = request.encoding_format == "base64"
    data = []
    for i, text in enumerate(texts):
        packed = vector(seed_of(request.model, text), request.dimensions or DEFAULT_DIMENSIONS)
        value: Any = base64.b64encode(packed).decode()
        if not coded:
            value = list(struct.unpack(f"<{len(packed) // 4}f", packed))
        data.append({"object": "embedding", "index": i, "embedding": value})
    words = sum(map(count_words, texts))
    body = {
        "object": "list",
        "data": data,
        "model": request.model,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }
    return Answer(body=encode(body), request_id=f"req_{seed_of(*texts):08x}")


def vector(seed: int, dimensions: int) -> bytes:
    """Return a vector of length one, as 32-bit floats."""
    draw = random.Random(seed)  # noqa: S311 - to be repeatable is the point
    values = [draw.uniform(-1, 1) for _ in range(dimensions)]
    norm = math.sqrt(sum(v * v for v in values)) or 1.0
    return struct.pack(f"<{dimensions}f", *(v / norm for v in values))


def moderations(request: ModerationRequest) -> Answer:
    """Answer with one result for each input."""
    results = []
    texts = texts_of(request.input)
    for text in texts:
        flagged = FLAGGED_WORD in text.lower()
        results.append(
            {
                "flagged": flagged,
                "categories": {name: flagged and name == FLAGGED_WORD for name in _CATEGORIES},
                "category_scores": {name: 0.99 if flagged and name == FLAGGED_WORD else 0.001 for name in _CATEGORIES},
                "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
            }
        )
    body = {"id": f"modr-mock-{seed_of(*texts):08x}", "model": request.model, "results": results}
    return Answer(body=encode(body))


def model_list(names: tuple[str, ...]) -> Answer:
    """Answer GET /models."""
    return Answer(body=encode({"object": "list", "data": [_model(name) for name in names]}))


def model_entry(name: str) -> Answer:
    """Answer GET /models/NAME, for any name."""
    return Answer(body=encode(_model(name)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "mock"}
