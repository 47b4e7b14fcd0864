"""Which operations have answers that are kept, and how: one row each.

Call types are LiteLLM's names; it tells the two of a row apart, here either stands for both.
"""

from typing import Final

from msgspec import Struct

from tianji._core.caching.recall import Kind
from tianji.cache.codec import Codec
from tianji.cache.parts import Division


class Row(Struct, frozen=True):
    """An operation, and what `supported_call_types` calls it."""

    operation: str
    call_types: tuple[str, str]
    kind: Kind


ROWS: Final = (
    Row(
        "chat",
        ("completion", "acompletion"),
        Kind(codec=Codec("chat"), content=b"choices", turns=b"messages", hides_usage=True),
    ),
    Row(
        "completions",
        ("text_completion", "atext_completion"),
        Kind(codec=Codec("completions"), content=b"choices", hides_usage=True),
    ),
    Row("embeddings", ("embedding", "aembedding"), Kind(codec=None, content=b"data", divide=Division)),
    Row("transcription", ("transcription", "atranscription"), Kind(codec=None, content=b"text")),
    Row("rerank", ("rerank", "arerank"), Kind(codec=None, content=b"results")),
    Row(
        "responses",
        ("responses", "aresponses"),
        Kind(codec=Codec("responses"), content=b"output", turns=b"input", owned=True),
    ),
    Row(
        "messages",
        ("anthropic_messages", "aanthropic_messages"),
        Kind(codec=Codec("messages"), content=b"content", turns=b"messages", variant=b"anthropic-beta"),
    ),
)


def kinds(call_types: tuple[str, ...]) -> dict[str, Kind]:
    """Return the kinds of those operations that are named, by operation."""
    return {row.operation: row.kind for row in ROWS if any(name in call_types for name in row.call_types)}
