"""OpenAI's Responses API as clients speak it (https://platform.openai.com/docs/api-reference/responses)."""

from typing import Any, Final

import msgspec

from tianji._core.bodies.names import Names
from tianji.clock import SYSTEM, Clock
from tianji.dialects.decoding import members, typed
from tianji.dialects.responses.answering import Name, Settings, outcome, usage_of
from tianji.dialects.responses.failing import error_body, error_event
from tianji.dialects.responses.items import Json
from tianji.dialects.responses.output import Output, pieces_of
from tianji.dialects.responses.reading import hub_request, unknown_members
from tianji.dialects.responses.streaming import ResponsesEncoder
from tianji.dialects.responses.tools import ToolBook
from tianji.protocol.chat.answer import Completion
from tianji.protocol.responses.request import CreateResponse

__all__ = ["OWN_PREFIX", "Responses", "begun", "error_body", "error_event", "inbound", "input_items", "new_response_id"]

OWN_PREFIX: Final = "resp_tianji_"
"""How ids begin of responses that were made here, and not by an upstream."""
_SUFFIXES: Final = Names(48)


def new_response_id() -> str:
    """Return an id that nobody can guess."""
    return OWN_PREFIX + _SUFFIXES.new().decode()


def input_items(asked: str | list[Json]) -> list[Json]:
    """Return an input as items; a text is what the user says."""
    if not isinstance(asked, str):
        return asked
    return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": asked}]}] if asked else []


def begun(body: bytes, response_id: str, created: int) -> Json:
    """Return the response of a request whose answer is made in the background. Raises InvalidRequest, MalformedJSON."""
    asked = typed(members(body), CreateResponse)
    return Settings(asked).response(Name(response_id, "", created), "queued", asked.model, []) | {"background": True}


class Responses:
    """One request: a `protocol.chat.seam.Inbound`. Raises InvalidRequest or MalformedJSON for what it cannot read.

    `response_id` is what the answer will be called. name: the end of that, which stands in all ids in the answer too;
    created: when it was begun, in seconds since 1970; `names` and `clock` give these.
    """

    names = _SUFFIXES

    def __init__(self, body: bytes, *, response_id: str | None = None, clock: Clock = SYSTEM) -> None:
        sent = members(body)
        asked = typed(sent, CreateResponse)
        self.clock = clock
        self._id = response_id or new_response_id()
        self.name = self._id.rpartition("_")[2]
        self.created = int(clock.now())
        self._book = ToolBook()
        self._settings = Settings(asked)
        self.request = hub_request(asked, input_items(asked.input), self._book)
        self.request.extra = unknown_members(sent) or None

    @property
    def plain(self) -> bool:
        """Whether calls of tools are told as those of any other request."""
        return self._book.plain

    @property
    def settled(self) -> bytes:
        """What of the request stands in its answer, in short."""
        return self._settings.digest

    def called(self, name: str, created: int) -> "Responses":
        """Return what answers a request that differs from this one in its texts alone, by another name and time."""
        other = Responses.__new__(Responses)
        other.clock, other._book = self.clock, self._book
        other._settings, other.request = self._settings, self.request
        other._id, other.name, other.created = OWN_PREFIX + name, name, created
        return other

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer; of several choices it holds the first."""
        choice = completion.choices[0] if completion.choices else None
        output = Output(self.name, self._book, _unheard)
        if choice is not None:
            output.take(pieces_of(choice.message), choice.logprobs or None)
        status, details = outcome(choice.finish_reason if choice else None)
        response = self._settings.response(self._named, status, completion.model, output.end(status))
        response["incomplete_details"] = details
        if completion.usage:
            response["usage"] = usage_of(completion.usage)
        if completion.service_tier:
            response["service_tier"] = completion.service_tier
        return msgspec.json.encode(response)

    def stream(self) -> ResponsesEncoder:
        """Begin a streamed answer."""
        return ResponsesEncoder(self._settings, self._named, self._book)

    @property
    def _named(self) -> Name:
        return Name(self._id, self.name, self.created)


def _unheard(_kind: str, _members: dict[str, Any]) -> None:
    """Take an event of a whole answer, in which nobody is interested."""


def inbound(body: bytes, model: str, streamed: bool) -> Responses:  # noqa: ARG001 - both stand in the body
    """Read a request."""
    return Responses(body)
