"""A chat answer of an upstream that speaks OpenAI's form, read into the hub, whole or in chunks.

Most answers fit the hub's form as they are. What does not is read again without its nulls, since many upstreams write
null where OpenAI writes nothing, and with `reasoning`, as vLLM, Groq and OpenRouter call `reasoning_content`.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from tianji.errors import Header, UpstreamProtocolError
from tianji.protocol.chat.answer import Chunk, Completion, PromptDetails, Usage
from tianji.protocol.chat.citations import page
from tianji.protocol.chat.seam import Framing, StreamFailed, Target
from tianji.protocol.chat.support import unreadable

_DONE: Final = b"[DONE]"
_UNUSUAL: Final = (b'"error"', b'"reasoning"')  # names that only the second reading knows
_CHUNK: Final = msgspec.json.Decoder(Chunk)
_COMPLETION: Final = msgspec.json.Decoder(Completion)
_T = TypeVar("_T", Chunk, Completion)


class OpenAIOutbound:
    """One request in OpenAI's form, which is the hub's: `body` goes as it is."""

    framing: Framing = "sse"
    headers: tuple[Header, ...] = ()
    plain = True

    def __init__(self, body: bytes, suffix: str, target: Target) -> None:
        self.body = body
        self.suffix = suffix
        self._target = target

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        found = _read(body, _COMPLETION, Completion, self._target)
        if found.usage is not UNSET:
            _settle(found.usage)
        if pages := _pages(found):
            for choice in found.choices:
                choice.message.annotations = choice.message.annotations or pages
        return found

    def stream(self) -> "ChunkDecoder":
        """Begin to read a streamed answer."""
        return ChunkDecoder(self._target)


class ChunkDecoder:
    """Reads a stream of chunks. Usage stands in whichever chunk an upstream likes; it is handed on once, at the end."""

    text_member = "content"

    def __init__(self, target: Target) -> None:
        self._target = target
        self._last = Chunk(choices=[])
        self._usage: Usage | None = None
        self._annotated = False
        self.done = False
        self.finished = False

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no chunk."""
        if payload.strip() == _DONE:
            self.done = self.finished = True
            return self._usage_chunk()
        if name == "error":
            raise StreamFailed(payload)
        chunk = _read(payload, _CHUNK, Chunk, self._target)
        if chunk.usage is not UNSET and chunk.usage is not None:
            self._usage = chunk.usage
            _settle(self._usage)
        chunk.usage = UNSET
        self._last = chunk
        for choice in chunk.choices:
            self._annotated = self._annotated or bool(choice.delta.annotations)
            if choice.finish_reason:
                self.finished = True
                if not self._annotated and (pages := _pages(chunk)):
                    choice.delta.annotations = pages
        return (chunk,) if chunk.choices else ()

    def end(self) -> Iterable[Chunk]:
        """Take the end of the stream; it may lack its `[DONE]`."""
        return self._usage_chunk() if self.finished else ()

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread, which changes nothing here."""

    def _usage_chunk(self) -> Iterable[Chunk]:
        usage, self._usage = self._usage, None
        if usage is None:
            return ()
        last = self._last
        return (Chunk(id=last.id, created=last.created, choices=[], usage=usage, service_tier=last.service_tier),)


def _pages(said: Completion | Chunk) -> list[dict[str, Any]]:
    """Return as annotations what Perplexity says beside an answer: the pages that it is from, by `[1]` and so on.

    https://docs.perplexity.ai/api-reference/chat-completions-post
    """
    found: dict[str, object] = {}
    if isinstance(said.search_results, list):
        results = [one for one in said.search_results if isinstance(one, dict)]
        found = {one["url"]: one.get("title") for one in results if isinstance(one.get("url"), str)}
    if isinstance(said.citations, list):
        found = {url: found.get(url) for url in said.citations if isinstance(url, str)} or found
    return [page(url, title, 0, 0) for url, title in found.items()]


def _settle(usage: Usage) -> None:
    """Put counts that an upstream calls otherwise to their place."""
    details = usage.prompt_tokens_details
    if details is not UNSET and details.cache_write_tokens is not UNSET:
        details.cache_creation_tokens = details.cache_creation_tokens or details.cache_write_tokens
        details.cache_write_tokens = UNSET
    if usage.prompt_cache_hit_tokens is not UNSET:
        details = usage.prompt_tokens_details = details or PromptDetails()
        details.cached_tokens = details.cached_tokens or usage.prompt_cache_hit_tokens
        usage.prompt_cache_hit_tokens = UNSET


def _read(body: bytes, decoder: "msgspec.json.Decoder[_T]", kind: type[_T], target: Target) -> _T:
    if not any(name in body for name in _UNUSUAL):
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, RecursionError):
            pass  # the second reading says what is wrong
    return _read_again(body, kind, target)


def _read_again(body: bytes, kind: type[_T], target: Target) -> _T:
    try:
        members = msgspec.json.decode(body)
        if isinstance(members, dict) and members.get("error"):
            raise StreamFailed(body)
        return msgspec.convert(_usual(members), kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(error, body, target) from None


def _broken(error: Exception, body: bytes, target: Target) -> UpstreamProtocolError:
    return unreadable(target, str(error), body)


def _usual(value: Any) -> Any:
    """Return it without nulls, and with the usual names."""
    if isinstance(value, list):
        return [_usual(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _usual(inner) for name, inner in value.items() if inner is not None}
    if "reasoning_content" not in found and isinstance(found.get("reasoning"), str):
        found["reasoning_content"] = found["reasoning"]
    return found
