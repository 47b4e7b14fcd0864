"""OpenAI's old completions as clients speak them, over models that are asked by chat: a prompt is what a user says.

https://platform.openai.com/docs/api-reference/completions. Upstreams that have the operation themselves get the bytes.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.request import Message, Request
from tianji.protocol.openai.requests import mistyped

_ENCODE: Final = msgspec.json.Encoder().encode
_DONE: Final = b"data: [DONE]\n\n"
_SAME: Final = frozenset(
    {
        "stream_options",
        "temperature",
        "top_p",
        "n",
        "stop",
        "max_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "seed",
        "user",
    }
)
"""What means the same in both operations."""
Json = dict[str, Any]


class _Own(Struct):
    """What chat says otherwise, or not at all."""

    prompt: Any
    stream: bool | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    logprobs: int | None = None


_OWN: Final = frozenset(_Own.__struct_fields__) | {"model"}


class Completions:
    """One request: a `protocol.chat.seam.Inbound`. Raises InvalidRequest or MalformedJSON for what cannot be asked.

    infills: whether what comes behind the text may be said, as `suffix` among what chat has no place for
    """

    def __init__(self, body: bytes, model: str, *, infills: bool = False) -> None:
        own, members = _decoded(body)
        prompt = _one_text(own.prompt)
        for name, given in (("suffix", own.suffix), ("best_of", (own.best_of or 1) > 1)):
            if given and not (infills and name == "suffix"):
                raise InvalidRequest(
                    f"{name}: {model} is asked by chat, which has none; leave it out, or ask a model of completions.",
                    param=name,
                )
        self._echo = prompt if own.echo else ""
        asked: Json = {name: value for name, value in members.items() if name in _SAME}
        try:
            self.request = msgspec.convert(asked | {"model": model, "messages": []}, Request)
        except msgspec.ValidationError as error:
            raise mistyped(str(error)) from None
        self.request.messages = [Message(role="user", content=prompt)]
        self.request.stream = own.stream
        if own.logprobs is not None:
            self.request.logprobs, self.request.top_logprobs = True, own.logprobs
        known = _SAME | _OWN - {"suffix"} if infills else _SAME | _OWN
        self.request.extra = {name: value for name, value in members.items() if name not in known} or None

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer."""
        choices = [
            _choice(
                choice.index, self._echo + (choice.message.content or ""), choice.logprobs, choice.finish_reason, at=0
            )
            for choice in completion.choices
        ]
        told = _told(completion, choices)
        return _ENCODE(told if completion.usage is UNSET else told | {"usage": completion.usage})

    def stream(self) -> "CompletionsEncoder":
        """Begin a streamed answer."""
        wants_usage = (self.request.stream_options or {}).get("include_usage") is True
        return CompletionsEncoder(self._echo, wants_usage, self.request.logprobs is True)


class CompletionsEncoder:
    """Writes chunks as server-sent events; the one with the usage only for a client that asked for it."""

    def __init__(self, echo: str, with_usage: bool, with_logprobs: bool) -> None:
        self.repeats = not with_logprobs  # which say where in the text they stand
        self._echo = echo
        self._with_usage = with_usage
        self._lengths: dict[int, int] = {}  # of what was said, by choice

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer. What is no text, as a role alone, tells a reader of texts nothing."""
        if not chunk.choices:
            if not self._with_usage or chunk.usage is UNSET:
                return b""
            return b"data: %b\n\n" % _ENCODE(_told(chunk, []) | {"usage": chunk.usage})
        choices = []
        for choice in chunk.choices:
            text = choice.delta.content or ""
            if not text and choice.finish_reason is None:
                continue
            at = self._lengths.get(choice.index)
            if at is None:
                at, text = 0, self._echo + text
            self._lengths[choice.index] = at + len(text)
            choices.append(_choice(choice.index, text, choice.logprobs, choice.finish_reason, at))
        return b"data: %b\n\n" % _ENCODE(_told(chunk, choices)) if choices else b""

    def end(self) -> bytes:
        """End the stream as one that is whole."""
        return _DONE

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not."""
        members = {name: error.get(name) for name in ("message", "type", "param", "code")}
        return b"data: %b\n\n" % _ENCODE({"error": members})


def inbound(body: bytes, model: str, streamed: bool) -> Completions:  # noqa: ARG001 - it stands in the body
    """Read a request."""
    return Completions(body, model)


def _decoded(body: bytes) -> tuple[_Own, Json]:
    try:
        return msgspec.json.decode(body, type=_Own), msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise mistyped(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not valid JSON: {error}") from None


def _one_text(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise InvalidRequest(
            "prompt: this model is asked by chat, which takes one text; send a request for each, and text for tokens.",
            param="prompt",
        )
    return prompt


def _told(answer: Completion | Chunk, choices: list[Json]) -> Json:
    return {
        "id": answer.id,
        "object": "text_completion",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
    }


def _choice(index: int, text: str, logprobs: Any, reason: str | None, at: int) -> Json:
    """Return a choice; `at` is where its text begins in all that is said."""
    return {"index": index, "text": text, "logprobs": _logprobs(logprobs, at), "finish_reason": reason}


def _logprobs(said: Any, at: int) -> Json | None:
    """Return what is said of tokens as completions have it: lists beside each other."""
    listed = said.get("content") if isinstance(said, Mapping) else None
    if not isinstance(listed, list):
        return None
    found: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for one in listed:
        token = str(one.get("token"))
        found["tokens"].append(token)
        found["token_logprobs"].append(one.get("logprob"))
        found["top_logprobs"].append({str(top.get("token")): top.get("logprob") for top in one.get("top_logprobs", ())})
        found["text_offset"].append(at)
        at += len(token)
    return found
