"""Reads an answer of Google's, in one piece or in many, as chunks of the hub.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent: each event holds what is new; calls of
functions come whole; counts are those so far, and so is what was found on the web. What is known only at the end is
said at the end: finish reasons, annotations, usage.
"""

import os
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from tianji.clock import Clock
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Completion, Delta, FunctionDelta, ToolCallDelta
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import ThinkingBlock
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.chat.support import unreadable
from tianji.protocol.gemini.finish import finish_reason, worth_keeping
from tianji.protocol.gemini.grounding import annotations_of, documents_of, searches_in
from tianji.protocol.gemini.usage import usage_of
from tianji.protocol.gemini.wire import Answer, Blob, Candidate, LogprobsResult, Part, PromptFeedback, UsageMetadata

Json = dict[str, Any]
_ANSWER = msgspec.json.Decoder(Answer)
_BLOCKED = "content_filter"


class Decoder:
    """Reads one answer."""

    text_member = "text"
    counts_along = True

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._created = int(clock.now())
        self._id = ""
        self._made = ""
        self._model = target.model
        self._candidates: dict[int, _Candidate] = {}
        self._speaker: _Candidate | None = None  # the last that said something
        self._usage: UsageMetadata | None = None
        self._blocked: PromptFeedback | None = None

    done = False  # usage may follow whatever came before

    @property
    def finished(self) -> bool:
        """Whether each candidate has a finish reason, or the prompt was refused."""
        if self._candidates:
            return all(candidate.reason for candidate in self._candidates.values())
        return self._blocked is not None

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  events have no names here
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no answer."""
        answer = self._read_answer(payload)
        if answer.error is not None:
            raise StreamFailed(payload)
        self._id = self._id or answer.response_id or self._made or f"chatcmpl-{os.urandom(12).hex()}"
        self._model = answer.model_version or self._model
        self._usage = answer.usage_metadata or self._usage
        if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            self._blocked = answer.prompt_feedback
        choices = []
        for at, candidate in enumerate(answer.candidates or []):
            index = at if candidate.index is None else candidate.index
            self._speaker = self._candidates.setdefault(index, _Candidate(index))
            choice = self._speaker.take(candidate)
            if choice is not None:
                choices.append(choice)
        return [self._chunk(choices)] if choices else []

    def called(self, name: str, created: int) -> None:
        """Name the answer so, should it have no name, and date it otherwise."""
        self._made, self._created = name, created

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread."""

    def heard(self, text: str) -> None:
        """Learn what it was, since citations say where in the text they belong."""
        if self._speaker is not None:
            self._speaker.content.append(text)

    def counted(self, payload: bytes) -> None:
        """Take what an event that was handed on unread says of tokens so far. Raises as `event`."""
        self._usage = self._read_answer(payload).usage_metadata or self._usage

    def end(self) -> Iterable[Chunk]:
        """Return finish reasons and usage; of a stream that was cut nothing."""
        return self._rest() if self.finished else []

    def whole(self, body: bytes) -> Completion:
        """Read an answer that comes in one piece, whether it says why it ended or not. Raises as `event`."""
        found = collect([*self.event("", body), *self._rest()])
        if found is None or not found.choices:
            raise unreadable(self._target, "it has no candidates", body)
        return found

    def _read_answer(self, payload: bytes) -> Answer:
        try:
            return _ANSWER.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            if payload.lstrip()[:1] == b"[" and b'"error"' in payload:  # Vertex AI puts errors into a list
                raise StreamFailed(payload) from error
            raise unreadable(self._target, str(error), payload) from error

    def _rest(self) -> list[Chunk]:
        if self._candidates:
            choices = [candidate.last() for _, candidate in sorted(self._candidates.items())]
        elif self._blocked is not None:
            said = {"prompt_feedback": msgspec.to_builtins(self._blocked)}
            delta = Delta(role="assistant", provider_specific_fields=said)
            choices = [ChunkChoice(index=0, delta=delta, finish_reason=_BLOCKED)]
        else:
            return []
        chunks = [self._chunk(choices)]
        if self._usage is not None:
            searches = sum(candidate.searches for candidate in self._candidates.values())
            last = self._chunk([])
            last.usage = usage_of(self._usage, searches=searches)
            chunks.append(last)
        return chunks

    def _chunk(self, choices: list[ChunkChoice]) -> Chunk:
        return Chunk(id=self._id, created=self._created, model=self._model, choices=choices)


class _Candidate:
    """One answer so far."""

    def __init__(self, index: int) -> None:
        self.reason: str | None = None
        self.searches = 0
        self._index = index
        self._begun = False
        self._calls = 0
        self.content: list[str] = []
        self._grounding: Json | None = None
        self._said: Json = {}  # what OpenAI's form has no place for

    def take(self, candidate: Candidate) -> ChunkChoice | None:
        """Return what a piece adds, None for nothing."""
        self.reason = candidate.finish_reason or self.reason
        self._note(candidate)
        delta = Delta()
        for part in (candidate.content.parts if candidate.content else None) or []:
            self._read(part, delta)
        logprobs = _logprobs(candidate.logprobs_result)
        if delta == Delta() and logprobs is None:
            return None
        if not self._begun:
            self._begun, delta.role = True, "assistant"
        return ChunkChoice(index=self._index, delta=delta, logprobs=UNSET if logprobs is None else logprobs)

    def last(self) -> ChunkChoice:
        """Return how it ended, and what was known only then."""
        delta = Delta() if self._begun else Delta(role="assistant")
        if self._grounding is not None:
            found = annotations_of(self._grounding, "".join(self.content))
            delta.annotations = found or UNSET
            if documents := documents_of(self._grounding):
                self._said["citations"] = [documents]
        if self._said:
            delta.provider_specific_fields = self._said
        reason = finish_reason(self.reason or "STOP", called=bool(self._calls))
        return ChunkChoice(index=self._index, delta=delta, finish_reason=reason)

    def _note(self, candidate: Candidate) -> None:
        if candidate.grounding_metadata:
            self._grounding = self._said["grounding_metadata"] = candidate.grounding_metadata
            self.searches = searches_in(candidate.grounding_metadata)
        if candidate.avg_logprobs is not None:
            self._said["avg_logprobs"] = candidate.avg_logprobs
        for name in ("safety_ratings", "citation_metadata", "url_context_metadata", "finish_message"):
            if value := getattr(candidate, name):
                self._said[name] = value
        if candidate.finish_reason and worth_keeping(candidate.finish_reason):
            self._said["native_finish_reason"] = candidate.finish_reason

    def _read(self, part: Part, delta: Delta) -> None:
        """Add a part to what a chunk says."""
        if part.function_call is not None:
            delta.tool_calls = [*(delta.tool_calls or []), self._call(part)]
            return
        if part.text and part.thought:
            delta.reasoning_content = (delta.reasoning_content or "") + part.text
            delta.thinking_blocks = [
                *(delta.thinking_blocks or []),
                ThinkingBlock(type="thinking", thinking=part.text),
            ]
        elif part.text:
            delta.content = (delta.content or "") + part.text
            self.content.append(part.text)
        if part.inline_data is not None:
            _show(part.inline_data, delta)
        for name, value in (
            ("thought_signatures", part.thought_signature),
            ("executable_code", part.executable_code),
            ("code_execution_results", part.code_execution_result),
            ("files", None if part.file_data is None else msgspec.to_builtins(part.file_data)),
        ):
            if value:
                said = delta.provider_specific_fields = delta.provider_specific_fields or {}
                said[name] = [*said.get(name, []), value]

    def _call(self, part: Part) -> ToolCallDelta:
        called = part.function_call
        assert called is not None  # noqa: S101  the caller looked
        call_id = called.id or f"call_{os.urandom(12).hex()}"
        signature = part.thought_signature
        at, self._calls = self._calls, self._calls + 1
        return ToolCallDelta(
            index=at,
            id=tool_ids.join(call_id, signature),
            type="function",
            function=FunctionDelta(
                name=called.name,
                arguments=msgspec.json.encode(called.args or {}).decode(),
            ),
            provider_specific_fields={"thought_signature": signature} if signature else UNSET,
        )


def _show(data: Blob, delta: Delta) -> None:
    kind = data.mime_type or "application/octet-stream"
    if kind.startswith("audio/"):
        delta.audio = {"id": f"audio_{os.urandom(12).hex()}", "data": data.data or "", "transcript": ""}
        return
    url = f"data:{kind};base64,{data.data or ''}"
    delta.images = [*(delta.images or []), {"type": "image_url", "image_url": {"url": url}}]


def _logprobs(result: LogprobsResult | None) -> Json | None:
    """Return OpenAI's log probabilities: of each token that was chosen, with the likeliest ones."""
    if result is None or not result.chosen_candidates:
        return None
    tops = [step.candidates or [] for step in result.top_candidates or []]
    content = []
    for at, chosen in enumerate(result.chosen_candidates):
        alternatives = tops[at] if at < len(tops) else []
        entry = _logprob(chosen.token, chosen.log_probability)
        entry["top_logprobs"] = [_logprob(one.token, one.log_probability) for one in alternatives]
        content.append(entry)
    return {"content": content, "refusal": None}


def _logprob(token: str | None, value: float | None) -> Json:
    said = token or ""
    return {
        "token": said,
        "logprob": -9999.0 if value is None else value,
        "bytes": list(said.encode("utf-8", "replace")),
    }
