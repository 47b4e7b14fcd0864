"""What callbacks are told of an attempt that has ended, by the names that programs know from LiteLLM's proxy.

It is made of the ledger's entry, so every destination sees the tokens and the cost that the books hold. Times are
seconds since 1970, amounts US dollars.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tianji.callbacks.costs import Breakdown, PriceEntry, Unpriced, breakdown, price_entry, unpriced
from tianji.callbacks.discretion import MARKER, shortened, unquoted
from tianji.callbacks.said import NOTHING, NULL, Said, said_in, value
from tianji.callbacks.tools import NOTED, of_tools, unsaid
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Place, Telling
from tianji.money import to_dollars

_SECOND: Final = 1_000_000  # microseconds
ENDED: Final = {SUCCESS: "request_success", FAILURE: "request_failure"}
"""The status of the end of a request, by that of an attempt which ends so. Only who wants traces hears of it."""

_RENAMED: Final = {
    "started": "startTime",
    "ended": "endTime",
    "first_token": "completionStartTime",
    "call_id": "litellm_call_id",
    "tags": "request_tags",
    "ip": "requester_ip_address",
    "asked": "messages",
    "answered": "response",
    "parameters": "model_parameters",
}
_ENDS: Final = (
    "guardrail_intervened", "guardrail_failed_to_respond", "guardrail_flagged", "success",
)  # fmt: skip
"""What runs of guardrails end in, the worst first."""
NOT_RUN: Final = "not_run"
_PROMPT: Final = "prompt_management_metadata"
_LEFT: Final = ("x_ratelimit_remaining_requests", "x_ratelimit_remaining_tokens")
_TOOLS: Final = ("web_search_options", "file_search")
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
    """One attempt. Destinations share it, and what was made of it once: its JSON, and what it says when decoded.

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
    audience: who is told; no destination is told that
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
    audience: Audience | UnsetType = UNSET

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
        return event if event.audience is UNSET and not hidden else event._less(hidden)

    @cached_property
    def bare(self) -> "LogEvent":
        """It without what was said."""
        return msgspec.structs.replace(
            self,
            asked=_ASKED,
            answered=NULL if self.failed else _ANSWERED,
            standard_built_in_tools_params=None,
            metadata=self.metadata | {"requester_metadata": {}, _PROMPT: None, NOTED: unsaid(self.metadata[NOTED])},
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
            known = self._lessened[hidden] = msgspec.structs.replace(self, audience=UNSET, **empty)
        return known

    @cached_property
    def _lessened(self) -> dict[frozenset[str], "LogEvent"]:
        return {}


EXCEPTIONS: Final = "messages of exceptions"
"""Among hidden members it stands for what an upstream says of a failure, which may repeat what was said."""
ANONYMOUS: Final = "user_api_key"
"""Begins the members of `metadata` that say who asked; among hidden ones it stands for them all."""
_EMPTY: Final[dict[str, Any]] = {
    "asked": NULL, "answered": NULL, "parameters": {}, "error_str": None, "error_information": None,
    "hidden_params": {}, "end_user": None, "api_base": "", "tags": (), "ip": None,
}  # fmt: skip
HIDEABLE: Final = {_RENAMED.get(name, name): name for name in _EMPTY}
"""Members that may be hidden, by their names outside."""
_CLASSES: Final = {"ClientGone": "ClientDisconnected"}  # errors that are known by another name
_ASKED: Final = Raw(_encode([{"role": "user", "content": MARKER}]))
_ANSWERED: Final = Raw(_encode({"text": MARKER}))
# parameters that say nothing of the content
_PLAIN: Final = frozenset({
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "stream", "presence_penalty",
    "frequency_penalty",
})  # fmt: skip


def event_of(entry: Entry, apart: Apart | None = None, called: Called = NOBODY) -> LogEvent | None:
    """Return the event of an entry; None where the client asked that nobody be told (`no-log: true`).

    apart: who is told of it instead of whom the configuration names, and by which callbacks
    called: what those are called whom it names
    """
    if entry.payload is not None and entry.payload.quiet:
        return None
    said = NOTHING if entry.payload is None else said_in(entry.payload)
    telling = None if entry.payload is None else entry.payload.telling
    usage, runs = _usage(entry), _runs(entry)
    first = entry.answered_at if entry.stream and entry.answered_at is not None else entry.ended_at
    event = LogEvent(
        id=entry.request_id,
        trace_id=entry.session_id or entry.call_id,
        call_id=entry.call_id,
        call_type=entry.call_type,
        status=entry.status if entry.paid else ENDED[entry.status],
        stream=entry.stream,
        custom_llm_provider=entry.provider,
        model=entry.model,
        model_group=entry.model_group,
        model_id=entry.deployment_id,
        api_base=entry.api_base,
        prompt_tokens=entry.prompt_tokens,
        completion_tokens=entry.completion_tokens,
        total_tokens=entry.total_tokens,
        response_cost=to_dollars(entry.cost),
        started=entry.started_at / _SECOND,
        ended=entry.ended_at / _SECOND,
        first_token=first / _SECOND,
        response_time=(first - entry.started_at) / _SECOND,
        cache_hit=entry.cache_hit,
        tags=entry.tags,
        end_user=entry.end_user,
        ip=entry.ip,
        metadata=_metadata(entry, said, usage, called, runs),
        parameters=said.parameters,
        asked=said.messages,
        answered=said.response,
        error_str=shortened(entry.error_message),
        error_information=_error(entry),
        hidden_params=_hidden(entry, usage),
        guardrail_information=runs,
        session_id=entry.session_id,
        status_fields=StatusFields(entry.status, worst(runs) if runs else NOT_RUN),
        cost_breakdown=breakdown(entry),
        model_map_information=price_entry(entry),
        zero_cost_diagnostic=unpriced(entry),
        standard_built_in_tools_params=_tools(said.parameters) if said.parameters else None,
        saved_cache_cost=None if entry.cache_hit else 0.0,
        trace=None if entry.place is None else _trace(entry.place),
        audience=_audience(entry, telling, apart),
    )
    return event.bare if telling is not None and telling.bare else event


def _audience(entry: Entry, telling: Telling | None, apart: Apart | None) -> Audience | UnsetType:
    """Return who is told. Who has callbacks of his own by his key or team has them, whatever his request says."""
    if telling is None:
        return UNSET if apart is None else Audience(apart[0], apart=apart[1])
    if telling.owner:
        name = entry.key if telling.owner == "key" else entry.team_id
        return Audience((telling.owner, str(name)), telling.muted)
    return Audience(None, telling.muted) if apart is None else Audience(apart[0], telling.muted, apart[1])


def _runs(entry: Entry) -> list[dict[str, Any]] | None:
    runs = value(Raw(entry.guardrails)) if entry.guardrails else None
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else None


def _trace(place: Place) -> Trace:
    return Trace(
        trace_id=place.trace_id.hex(),
        span_id=place.span_id.hex(),
        parent_id=place.parent_id.hex() or None,
        caller_id=place.caller_id.hex() or None,
        sampled=bool(place.flags & 1),
        http_status=place.status,
        method=place.method,
        path=place.path,
    )


def _metadata(
    entry: Entry, said: Said, usage: dict[str, int], called: Called, runs: list[dict[str, Any]] | None
) -> dict[str, Any]:
    return {
        "user_api_key_hash": entry.key,
        "user_api_key_alias": entry.key_alias,
        "user_api_key_user_id": entry.user_id,
        "user_api_key_user_email": called.user,
        "user_api_key_team_id": entry.team_id,
        "user_api_key_team_alias": called.team,
        "user_api_key_org_id": entry.organization_id,
        "user_api_key_org_alias": called.organization,
        "user_api_key_project_id": entry.project_id,
        "user_api_key_project_alias": called.project,
        "user_api_key_end_user_id": entry.end_user,
        "requester_ip_address": entry.ip,
        "requester_metadata": said.metadata,
        _PROMPT: said.beside.get(_PROMPT),
        **of_tools(entry, said),
        "spend_logs_metadata": said.metadata.get("spend_logs_metadata"),
        "vector_store_request_metadata": None,
        "applied_guardrails": [run["guardrail_name"] for run in runs or () if run.get("guardrail_name")],
        "usage_object": usage,
        "attempt": entry.attempt,
        "estimated": entry.estimated,
    }


def _usage(entry: Entry) -> dict[str, int]:
    return {
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "total_tokens": entry.total_tokens,
        "cache_read_input_tokens": entry.cached_tokens,
        "cache_creation_input_tokens": entry.written_tokens,
        "reasoning_tokens": entry.reasoning_tokens,
    }


def _hidden(entry: Entry, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "model_id": entry.deployment_id,
        "api_base": entry.api_base,
        "litellm_model_name": entry.model,
        "cache_key": None,
        "batch_models": None,
        "response_cost": to_dollars(entry.cost),
        "litellm_overhead_time_ms": _overhead(entry),
        "additional_headers": _left(entry),
        "usage_object": usage,
    }


def worst(runs: Iterable[Mapping[str, Any]]) -> str:
    """Return the worst of what runs of guardrails ended in."""
    ends = {run.get("guardrail_status") for run in runs}
    return next((end for end in _ENDS if end in ends), NOT_RUN)


def _left(entry: Entry) -> dict[str, int] | None:
    """Return what the provider says is left of its limits."""
    if entry.remaining is None:
        return None
    left = dict(zip(_LEFT, entry.remaining[:2], strict=True))
    return {name: count for name, count in left.items() if count >= 0} or None


def _tools(parameters: Mapping[str, Raw]) -> dict[str, Raw] | None:
    found = {name: parameters[name] for name in _TOOLS if name in parameters}
    return found or None


def _overhead(entry: Entry) -> float | None:
    """Return the milliseconds that an attempt spent in the gateway; None where no upstream was asked."""
    return max(0, entry.ended_at - entry.started_at - entry.upstream) / 1000 if entry.upstream else None


def _error(entry: Entry) -> dict[str, Any] | None:
    if entry.error_class is None and entry.error_code is None:
        return None
    return {
        "error_code": entry.error_code,
        "error_class": _CLASSES.get(entry.error_class or "", entry.error_class),
        "error_rate_limit_category": _limit(entry),
        "error_message": shortened(entry.error_message),
        "llm_provider": entry.provider,
    }


def _limit(entry: Entry) -> str | None:
    """Return whose limit it was that an attempt failed on."""
    if entry.error_code != "429":
        return None
    return "vendor_rate_limit" if entry.deployment_id else "litellm_rate_limit"


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
