"""A stream in the form of the Responses API (https://platform.openai.com/docs/api-reference/responses-streaming)."""

from typing import Any, Final

import msgspec

from tianji.dialects.responses.answering import Name, Settings, outcome, usage_of
from tianji.dialects.responses.failing import failure
from tianji.dialects.responses.items import Json
from tianji.dialects.responses.output import Output
from tianji.dialects.responses.tools import ToolBook
from tianji.protocol.chat.answer import Chunk, Usage

_encode: Final = msgspec.json.Encoder().encode


class ResponsesEncoder:
    """Writes one stream. Its last event holds all of the response, which `response` keeps, None until then."""

    repeats = True

    def __init__(self, settings: Settings, name: Name, book: ToolBook) -> None:
        self.response: Json | None = None
        self._settings = settings
        self._name = name
        self._events: list[bytes] = []
        self._number = 0
        self._output = Output(name.suffix, book, self._emit)
        self._begun = False
        self._model = ""
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._tier: str | None = None

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""
        if not self._begun:
            self._begin(chunk.model)
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.service_tier:
            self._tier = chunk.service_tier
        for choice in chunk.choices:
            if choice.index == 0:
                self._output.take(choice.delta, choice.logprobs or None)
                self._finish = choice.finish_reason or self._finish
        return self._written()

    def heard(self, text: str, events: int) -> None:
        """Learn what was written as the piece before it was, and in how many events."""
        self._number += events
        self._output.hear(text)

    def end(self) -> bytes:
        """End the stream as one that is whole."""
        if not self._begun:
            self._begin("")
        status, details = outcome(self._finish)
        output = self._output.end(status)
        self._last(f"response.{status}", self._said(status, output) | {"incomplete_details": details})
        return self._written()

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not. Items that had not ended are left out."""
        response = self._said("failed", self._output.done) | {"error": failure(error)}
        self._last("response.failed", response)
        return self._written()

    def _begin(self, model: str) -> None:
        self._begun = True
        self._model = model
        response = msgspec.Raw(_encode(self._settings.response(self._name, "in_progress", model, [])))
        for kind in ("response.created", "response.in_progress"):
            self._emit(kind, {"response": response})

    def _said(self, status: str, output: list[Json]) -> Json:
        response = self._settings.response(self._name, status, self._model, output)
        if self._usage is not None:
            response["usage"] = usage_of(self._usage)
        if self._tier is not None:
            response["service_tier"] = self._tier
        return response

    def _last(self, kind: str, response: Json) -> None:
        self.response = response
        self._emit(kind, {"response": response})

    def _emit(self, kind: str, members: dict[str, Any]) -> None:
        payload = {"type": kind, "sequence_number": self._number} | members
        self._number += 1
        self._events.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode(payload)))

    def _written(self) -> bytes:
        events = b"".join(self._events)
        self._events.clear()
        return events
