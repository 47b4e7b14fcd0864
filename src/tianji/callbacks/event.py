"""What callbacks are told of an attempt that has ended, by the names that programs know from LiteLLM's proxy.

It is made of the ledger's entry (`tianji.callbacks.making`), so every destination sees the tokens and the cost that the
books hold. Times are seconds since 1970, amounts US dollars.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tianji.callbacks.costs import Breakdown, PriceEntry, Unpriced
from tianji.callbacks.discretion import MARKER, unquoted
from tianji.callbacks.said import NULL, value
from tianji.callbacks.tools import NOTED, unsaid
from tianji.ledger.entry import FAILURE, SUCCESS

ENDED: Final = {SUCCESS: "request_success", FAILURE: "request_failure"}
"""The status of the end of a request, by that of an attempt which ends so. Only who wants traces hears of it."""

_RENAMED: Final = {
    "started": "startTime",
    "ended": "endTime",
    "first_token": "completionStartTime",
    "call_id": "litellm_call_id",
    "tags": "request_tags",
    "ip": "requester_ip_address",
    "agent": "user_agent",
    "asked": "messages",
    "answered": "response",
    "parameters": "model_parameters",
}
PROMPT: Final = "prompt_management_metadata"
_encode: Final = msgspec.json.Encoder().encode


class Trace(Struct, frozen=True):
    """Where an event is in a trace: ids in hex, and None for a parent where there is none.

    caller_id: the client's span; http_status, method, path: how a request ended, 0 and empty for an attempt
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    caller_id: str | None
    sampled: bool
    http_status: int = 0
    method: str = ""
    path: str = ""


Owner = tuple[str, str]
"""`key` or `team`, and the hash of the one or the id of the other; or `request`, and what stands for its variables."""


Apart = tuple[Owner, frozenset[str]]


class Audience(Struct, frozen=True):
    """Who is told of an event beside or instead of whom the configuration names.

    owner: whose own callbacks are; muted: callbacks that are not; apart: callbacks that are told to the owner alone
    """

    owner: Owner | None = None
    muted: tuple[str, ...] = ()
    apart: frozenset[str] = frozenset()


class Called(Struct, frozen=True):
    """What those are called whom an entry names; None for who has no name, and for nobody."""

    team: str | None = None
    organization: str | None = None
    user: str | None = None
    project: str | None = None


NOBODY: Final = Called()


class StatusFields(Struct, frozen=True):
    """How an attempt ended: what the upstream made of it, and the worst that guardrails did."""

    llm_api_status: str
    guardrail_status: str


class LogEvent(Struct, kw_only=True, frozen=True, dict=True, rename=_RENAMED):
    """One attempt, as who looks into it has it. Destinations share it, and what was made of it once.

    started, ended, first_token: `startTime`, `endTime`, `completionStartTime` outside; the last is `endTime` for an
        answer that was no stream; response_time: to the first token of a stream, else the whole
    asked, answered, parameters: `messages`, `response`, `model_parameters`, as JSON; null where it is not kept
    metadata: who asked, and what the client said in its own `metadata` (`requester_metadata`)
    session_id: the conversation that it belongs to, where the client says so; `trace_id` is that one, or the call
    standard_built_in_tools_params: what the request says of tools of the provider's own
    saved_cache_cost: nothing is saved where an upstream answered; None: an answer out of the cache, which has no price
    cache_key, response_cost_failure_debug_info: there always, as programs expect, and never known
    trace: None where no destination wants traces. The end of a request is an event, too, of a status in `ENDED`: it has
        neither tokens nor a cost.
    """

    id: str
    trace_id: str
    call_id: str
    call_type: str
    status: str
    stream: bool
    custom_llm_provider: str
    model: str
    model_group: str
    model_id: str
    api_base: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    response_cost: float
    started: float
    ended: float
    first_token: float
    response_time: float
    cache_hit: bool
    tags: tuple[str, ...]
    end_user: str | None
    ip: str | None
    agent: str | None
    metadata: dict[str, Any]
    parameters: Mapping[str, Raw] = {}
    asked: Raw = NULL
    answered: Raw = NULL
    error_str: str | None = None
    error_information: dict[str, Any] | None = None
    hidden_params: dict[str, Any] = {}
    guardrail_information: list[dict[str, Any]] | None = None
    session_id: str | None = None
    status_fields: StatusFields
    cost_breakdown: Breakdown | None = None
    model_map_information: PriceEntry
    zero_cost_diagnostic: Unpriced | None = None
    standard_built_in_tools_params: dict[str, Raw] | None = None
    saved_cache_cost: float | None = 0.0
    cache_key: None = None
    response_cost_failure_debug_info: None = None
    trace: Trace | None = None

    @cached_property
    def messages(self) -> Any:
        """What was asked; None where that is not kept."""
        return value(self.asked)

    @cached_property
    def response(self) -> Any:
        """The answer; None where it is not kept."""
        return value(self.answered)

    @cached_property
    def model_parameters(self) -> dict[str, Any]:
        """What else the request said."""
        return {name: value(raw) for name, raw in self.parameters.items()}

    @cached_property
    def wire(self) -> bytes:
        """The whole as JSON."""
        return _encode(self)

    def members(self) -> dict[str, Any]:
        """Return the whole as JSON has it, decoded: the caller's own, who may change it."""
        found: dict[str, Any] = msgspec.json.decode(self.wire)
        return found

    @property
    def failed(self) -> bool:
        """Whether the attempt did not succeed."""
        return self.status not in {SUCCESS, ENDED[SUCCESS]}

    @property
    def said(self) -> dict[str, Any]:
        """What the client said of its request in its own `metadata`."""
        found: dict[str, Any] = self.metadata["requester_metadata"]
        return found

    @property
    def usage(self) -> dict[str, int]:
        """The tokens by their kinds."""
        found: dict[str, int] = self.metadata["usage_object"]
        return found

    @property
    def output(self) -> Any:
        """The answer, or why there is none."""
        return self.error_str if self.failed else self.response

    @property
    def text(self) -> str:
        """The text of the answer, as far as it is kept in a known form; else empty."""
        return answer_text(self.response)

    def shown(self, *, bare: bool, hidden: frozenset[str] = frozenset()) -> "LogEvent":
        """Return it as a destination is told it. bare: without what was said; hidden: members that are empty."""
        event = self.bare if bare else self
        return event._less(hidden) if hidden else event

    @cached_property
    def bare(self) -> "LogEvent":
        """It without what was said."""
        return msgspec.structs.replace(
            self,
            asked=_ASKED,
            answered=NULL if self.failed else _ANSWERED,
            standard_built_in_tools_params=None,
            metadata=self.metadata | {"requester_metadata": {}, PROMPT: None, NOTED: unsaid(self.metadata[NOTED])},
            parameters={name: self.parameters[name] for name in _PLAIN & self.parameters.keys()},
            **({} if self.error_str is None else self._failing(unquoted(self.error_str, self.messages))),
        )

    def _failing(self, message: str | None) -> dict[str, Any]:
        """Return the members that say why it failed, with another message."""
        about = self.error_information
        return {
            "error_str": message,
            "error_information": None if about is None else {**about, "error_message": message},
        }

    def _less(self, hidden: frozenset[str]) -> "LogEvent":
        known = self._lessened.get(hidden)
        if known is None:
            empty = {name: _EMPTY[name] for name in hidden if name in _EMPTY}
            if ANONYMOUS in hidden:
                named = self.metadata.items()
                empty["metadata"] = {name: None if name.startswith(ANONYMOUS) else one for name, one in named}
            if EXCEPTIONS in hidden and self.error_str is not None:
                empty = self._failing(MARKER) | empty
            known = self._lessened[hidden] = msgspec.structs.replace(self, **empty)
        return known

    @cached_property
    def _lessened(self) -> dict[frozenset[str], "LogEvent"]:
        return {}


class Notice(Struct, frozen=True, dict=True):
    """An event as it is told: its JSON, of which `event` is what it says, and what decides who is told."""

    wire: bytes
    status: str
    trace_id: str
    audience: Audience | UnsetType = UNSET

    @cached_property
    def event(self) -> LogEvent:
        """What it says. Most destinations are told the JSON as it is, so it is decoded when somebody asks."""
        event = _decode(self.wire)
        event.__dict__["wire"] = self.wire
        return event

    def shown(self, *, bare: bool, hidden: frozenset[str] = frozenset()) -> "Notice":
        """Return it as a destination is told it, see `LogEvent.shown`."""
        if not bare and not hidden:
            return self
        known = self._shown.get((bare, hidden))
        if known is None:
            known = self._shown[bare, hidden] = self.with_event(self.event.shown(bare=bare, hidden=hidden))
        return known

    def with_event(self, event: LogEvent) -> "Notice":
        """Return a notice to the same audience that says something else."""
        other = msgspec.structs.replace(self, wire=event.wire)
        other.__dict__["event"] = event
        return other

    @cached_property
    def _shown(self) -> dict[tuple[bool, frozenset[str]], "Notice"]:
        return {}


_decode: Final = msgspec.json.Decoder(LogEvent).decode
EXCEPTIONS: Final = "messages of exceptions"
"""Among hidden members it stands for what an upstream says of a failure, which may repeat what was said."""
ANONYMOUS: Final = "user_api_key"
"""Begins the members of `metadata` that say who asked; among hidden ones it stands for them all."""
_EMPTY: Final[dict[str, Any]] = {
    "asked": NULL, "answered": NULL, "parameters": {}, "error_str": None, "error_information": None,
    "hidden_params": {}, "end_user": None, "api_base": "", "tags": (), "ip": None, "agent": None,
}  # fmt: skip
HIDEABLE: Final = {_RENAMED.get(name, name): name for name in _EMPTY}
"""Members that may be hidden, by their names outside."""
_ASKED: Final = Raw(_encode([{"role": "user", "content": MARKER}]))
_ANSWERED: Final = Raw(_encode({"text": MARKER}))
# parameters that say nothing of the content
_PLAIN: Final = frozenset({
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "stream", "presence_penalty",
    "frequency_penalty",
})  # fmt: skip


def answer_text(response: Any) -> str:
    """Return the text of an answer in OpenAI's, Anthropic's, Google's or the Responses API's form; empty for others."""
    if not isinstance(response, dict):
        return ""
    choices = response.get("choices")
    if isinstance(choices, list):
        return "".join(_choice(choice) for choice in choices)
    blocks = response.get("content")
    if isinstance(blocks, list):
        return "".join(_texts(blocks))
    candidates = response.get("candidates")
    if isinstance(candidates, list):
        said = [one.get("content") for one in candidates if isinstance(one, dict)]
        parts = [content.get("parts") for content in said if isinstance(content, dict)]
        return "".join(text for one in parts if isinstance(one, list) for text in _texts(_aloud(one)))
    output = response.get("output")
    items = [item.get("content") for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return "".join(text for content in items if isinstance(content, list) for text in _texts(content))


def _aloud(parts: list[Any]) -> list[Any]:
    """Return the parts of Google's form that are no thoughts."""
    return [part for part in parts if isinstance(part, dict) and not part.get("thought")]


def _choice(choice: Any) -> str:
    if not isinstance(choice, dict):
        return ""
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    return text if isinstance(text, str) else ""


def _texts(parts: list[Any]) -> list[str]:
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
