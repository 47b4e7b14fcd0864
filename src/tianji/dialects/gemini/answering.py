"""Answers of the hub in Google's form, whole and in pieces.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse. A piece of a stream has the form of a whole
answer; calls of functions come whole, so their pieces are kept until they are.
"""

from typing import Any, Final

import msgspec

from tianji.dialects.gemini.failing import error_object
from tianji.dialects.gemini.frames import Frames
from tianji.protocol.chat import citations, data_urls, tool_ids
from tianji.protocol.chat.answer import AnswerMessage, Choice, Chunk, ChunkChoice, Completion, Delta, Usage
from tianji.protocol.chat.collect import merged
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall
from tianji.protocol.chat.support import decoded_object
from tianji.protocol.gemini import wire
from tianji.protocol.gemini.finish import google_reason
from tianji.protocol.gemini.grounding import grounding_of
from tianji.protocol.gemini.thoughts import wrapped
from tianji.protocol.gemini.usage import metadata_of

Json = dict[str, Any]
_SAMPLES: Final = "audio/L16;codec=pcm;rate=24000"
_encode: Final = msgspec.json.Encoder().encode


def answer(completion: Completion) -> bytes:
    """Return the body of a whole answer."""
    return _encode(
        wire.Answer(
            candidates=[_candidate(choice) for choice in completion.choices],
            usage_metadata=metadata_of(completion.usage) if completion.usage else None,
            model_version=completion.model,
            response_id=completion.id,
        )
    )


def _candidate(choice: Choice) -> wire.Candidate:
    message = choice.message
    parts = _said(message)
    parts += [_call(call) for call in message.tool_calls or []]
    found = wire.Candidate(
        content=wire.Content(parts, "model"),
        finish_reason=google_reason(choice.finish_reason),
        index=choice.index,
    )
    _weigh(found, choice.logprobs or None)
    _ground(found, message, message.content or "")
    return found


def _said(message: AnswerMessage | Delta, sound: str | None = None) -> list[wire.Part]:
    """Return the parts of what was thought, said and shown, in this order.

    `sound`: the type of what is heard, where a piece before has told it; samples as Gemini makes them unless its first
    bytes say otherwise.
    """
    parts = [_thought(block) for block in message.thinking_blocks or []]
    if not parts and message.reasoning_content:
        parts.append(wire.Part(text=message.reasoning_content, thought=True))
    parts += [wire.Part(text=text) for text in (message.content, message.refusal) if text]
    parts += [wire.Part(inline_data=shown) for image in message.images or [] if (shown := _image(image)) is not None]
    if message.audio and isinstance(data := message.audio.get("data"), str):
        parts.append(wire.Part(inline_data=wire.Blob(sound or data_urls.sound_type(data) or _SAMPLES, data)))
    signatures = (message.provider_specific_fields or {}).get("thought_signatures")
    if isinstance(signatures, list) and signatures and isinstance(signatures[-1], str):
        if not parts or parts[-1].thought:
            parts.append(wire.Part(text=""))
        parts[-1].thought_signature = signatures[-1]
    return parts


def _thought(block: ThinkingBlock) -> wire.Part:
    signature = wrapped(block.signature, block.data if block.type == "redacted_thinking" else None)
    return wire.Part(text=block.thinking or "", thought=True, thought_signature=signature)


def _image(image: Json) -> wire.Blob | None:
    holder = image.get("image_url")
    url = holder.get("url") if isinstance(holder, dict) else holder
    found = data_urls.inline(url) if isinstance(url, str) else None
    return None if found is None else wire.Blob(found.media_type, found.data)


def _call(call: ToolCall) -> wire.Part:
    bare, carried = tool_ids.split(call.id)
    signature = (call.provider_specific_fields or {}).get("thought_signature") or carried
    function = call.function or _of_custom(call.custom or {})
    arguments = decoded_object(function.arguments or "{}")
    if arguments is None:  # what the model wrote is no object, as with every custom tool; better seen than lost
        arguments = {"arguments": function.arguments}
    return wire.Part(
        function_call=wire.FunctionCall(function.name, arguments, bare or None),
        thought_signature=signature if isinstance(signature, str) else None,
    )


def _of_custom(custom: Json) -> FunctionCall:
    """Return the call of a custom tool, or a piece of it, as if a function were called: this form knows no other."""
    return FunctionCall(str(custom.get("name") or ""), str(custom.get("input") or ""))


def _ground(candidate: wire.Candidate, message: AnswerMessage | Delta, content: str) -> None:
    """Say where it comes from: as Google said it, or made of the annotations."""
    fields, annotations = message.provider_specific_fields or {}, message.annotations or []
    given = fields.get("grounding_metadata")
    documents = citations.documents_of(annotations, fields)
    if isinstance(given, dict):
        candidate.grounding_metadata = given
    elif annotations or documents:
        candidate.grounding_metadata = grounding_of(annotations, documents, content)


def _weigh(candidate: wire.Candidate, given: Json | None) -> None:
    """Say how likely its tokens were, and how likely on the average."""
    content = (given or {}).get("content")
    if not isinstance(content, list):
        return
    tokens = [token for token in content if isinstance(token, dict)]
    chosen = [_logprob(token) for token in tokens]
    tops = [[_logprob(top) for top in token.get("top_logprobs") or [] if isinstance(top, dict)] for token in tokens]
    candidate.logprobs_result = wire.LogprobsResult([wire.TopCandidates(step) for step in tops], chosen)
    known = [one.log_probability for one in chosen if one.log_probability is not None]
    candidate.avg_logprobs = sum(known) / len(known) if known else None


def _logprob(given: Json) -> wire.LogprobsCandidate:
    token, value = given.get("token"), given.get("logprob")
    return wire.LogprobsCandidate(
        token if isinstance(token, str) else None, value if isinstance(value, int | float) else None
    )


class GeminiEncoder:
    """Writes one stream: as server-sent events, or as one JSON array, which is what clients get that ask for no SSE."""

    repeats = True

    def __init__(self, *, as_array: bool) -> None:
        self._frames = Frames(as_array=as_array)
        self._id = ""
        self._model = ""
        self._candidates: dict[int, _Candidate] = {}
        self._speaker: _Candidate | None = None  # the last that said something
        self._usage: Usage | None = None

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""
        self._id, self._model = chunk.id, chunk.model
        self._usage = chunk.usage or self._usage
        pieces = []
        for choice in chunk.choices:
            self._speaker = self._candidates.setdefault(choice.index, _Candidate(choice.index))
            piece = self._speaker.take(choice)
            if piece is not None:
                pieces.append(piece)
        return self._frame(pieces) if pieces else b""

    def heard(self, text: str, events: int) -> None:  # noqa: ARG002  their number stands nowhere
        """Learn what was written as the piece before it was."""
        if self._speaker is not None:
            self._speaker.content.append(text)

    def end(self) -> bytes:
        """End the stream as one that is whole: with finish reasons and usage, which Google says together."""
        last = self._frame([candidate.last() for _, candidate in sorted(self._candidates.items())], self._usage)
        return last + self._frames.last()

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not."""
        return self._frames.next(error_object(error)) + self._frames.last()

    def _frame(self, candidates: list[wire.Candidate], usage: Usage | None = None) -> bytes:
        piece = wire.Answer(
            candidates=candidates,
            usage_metadata=metadata_of(usage) if usage else None,
            model_version=self._model,
            response_id=self._id,
        )
        return self._frames.next(_encode(piece))


class _Candidate:
    """One answer so far."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.content: list[str] = []
        self._calls: dict[int, ToolCall] = {}  # those that were not sent yet
        self._finish: str | None = None
        self._rest = Delta()  # what belongs to the end
        self._sound: str | None = None

    def take(self, choice: ChunkChoice) -> wire.Candidate | None:
        """Return what a piece adds, None for nothing yet."""
        self._finish = choice.finish_reason or self._finish
        delta = choice.delta
        if isinstance(delta.content, str):
            self.content.append(delta.content)
        if delta.annotations:
            self._rest.annotations = [*(self._rest.annotations or []), *delta.annotations]
        if delta.provider_specific_fields:
            self._rest.provider_specific_fields = merged(
                self._rest.provider_specific_fields, delta.provider_specific_fields
            )
        if delta.audio and self._sound is None and isinstance(data := delta.audio.get("data"), str):
            self._sound = data_urls.sound_type(data) or _SAMPLES  # whose head is in the first piece alone
        parts = _said(delta, self._sound)
        for piece in delta.tool_calls or []:
            if piece.index not in self._calls:
                parts += self._whole_calls()
            call = self._calls.setdefault(piece.index, ToolCall(id="", type="function", function=FunctionCall("", "")))
            call.id = piece.id or call.id
            call.provider_specific_fields = piece.provider_specific_fields or call.provider_specific_fields
            told = piece.function or _of_custom(piece.custom or {})
            if call.function is not None:
                call.function.name += told.name or ""
                call.function.arguments += told.arguments or ""
        found = wire.Candidate(content=wire.Content(parts, "model"), index=self._index)
        _weigh(found, choice.logprobs or None)
        return found if parts or found.logprobs_result is not None else None

    def last(self) -> wire.Candidate:
        """Return the calls that are left, why it ended, and where it comes from."""
        parts = [_call(call) for _, call in sorted(self._calls.items())]
        found = wire.Candidate(
            content=wire.Content(parts, "model"), finish_reason=google_reason(self._finish), index=self._index
        )
        _ground(found, self._rest, "".join(self.content))
        return found

    def _whole_calls(self) -> list[wire.Part]:
        """Take out the calls whose arguments are whole, now that another one begins."""
        whole = [
            at
            for at, call in sorted(self._calls.items())
            if call.function is not None and decoded_object(call.function.arguments) is not None
        ]
        return [_call(self._calls.pop(at)) for at in whole]
