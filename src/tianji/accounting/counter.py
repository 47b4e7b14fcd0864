"""Counting the tokens of requests without keeping the loop waiting."""

import asyncio
from typing import Final

from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.requests.prompt import Prompt, count_prompt
from tianji.accounting.encodings import encoding_of
from tianji.accounting.images import image_tokens, most_image_tokens, size_of
from tianji.accounting.vocabularies import Vocabularies

# Bodies up to this length are dealt with on the loop, longer ones on a thread: see bench/NOTES.md.
COUNTED_INLINE: Final = 6 * 1024  # bytes; the text that is slowest to count takes less than a millisecond
WALKED_INLINE: Final = 16 * 1024  # bytes; likewise, when only the bound is asked for
_SIZED: Final = 64  # images whose size is looked at; those behind them count as usual ones


class Count(Struct, frozen=True):
    """Tokens of a request. Not `exact`: a foreign encoding, or something that is no text was estimated."""

    tokens: int
    exact: bool
    encoding: str


class TokenCounter:
    """Counts requests. `body` is one for chat, completions or embeddings; `model` the upstream's name of the model."""

    def __init__(self, vocabularies: Vocabularies) -> None:
        self._vocabularies = vocabularies

    async def count(self, body: ObjectSpans, model: str) -> Count:
        """Count `messages` (or `contents`, `prompt`, `input`) with the tools."""
        encoding = encoding_of(model)
        vocabulary = self._vocabularies[encoding.name]
        if vocabulary.ready and len(body.source) <= COUNTED_INLINE:
            prompt = count_prompt(body, vocabulary)
        else:
            prompt = await asyncio.to_thread(count_prompt, body, vocabulary)
        tokens = prompt.tokens + _images(prompt, model)
        return Count(tokens, encoding.exact and not prompt.images and not prompt.others, encoding.name)

    async def at_most(self, body: ObjectSpans, model: str, limit: int) -> bool:
        """Say whether there are at most `limit` tokens. Where the text is too short for more, nothing is counted."""
        if len(body.source) <= WALKED_INLINE:
            most = count_prompt(body, None)
        else:
            most = await asyncio.to_thread(count_prompt, body, None)
        if most.tokens + len(most.images) * most_image_tokens(model) <= limit:
            return True
        room = limit - _images(most, model)
        vocabulary = self._vocabularies[encoding_of(model).name]
        if vocabulary.ready and len(body.source) <= COUNTED_INLINE:
            return count_prompt(body, vocabulary, room).tokens <= room
        return (await asyncio.to_thread(count_prompt, body, vocabulary, room)).tokens <= room


def _images(prompt: Prompt, model: str) -> int:
    sized = [image_tokens(model, size_of(url), low=low) for url, low in prompt.images[:_SIZED]]
    return sum(sized) + (len(prompt.images) - len(sized)) * image_tokens(model, None, low=False)
