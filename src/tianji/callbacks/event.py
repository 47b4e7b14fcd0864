"""What callbacks are told of an attempt that has ended, by the names that programs know from LiteLLM's proxy.

It is made of the ledger's entry, so every destination sees the tokens and the cost that the books hold. Times are
seconds since 1970, amounts US dollars.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tianji.callbacks.discretion import shortened, without_secrets
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Payload, Place, Telling
from tianji.ledger.payloads import opened
from tianji.money import to_dollars

_SECOND: Final = 1_000_000  # microseconds
ENDED: Final = {SUCCESS: "request_success", FAILURE: "request_failure"}
"""The status of the end of a request, by that of an attempt which ends so. Only who wants traces hears of it."""
MARKER: Final = "redacted-by-litellm"  # stands where content was, as programs expect it

_RENAMED: Final = {
    "started": "startTime",
    "ended": "endTime",
    "first_token": "completionStartTime",
    "call_id": "litellm_call_id",
    "tags": "request_tags",
    "ip": "requester_ip_address",
}
_decode: Final = msgspec.json.decode


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


class LogEvent(Struct, kw_only=True, frozen=True, rename=_RENAMED):
    """One attempt. `messages` and `response` are None where what was said is not kept.

    started, ended, first_token: `startTime`, `endTime`, `completionStartTime` outside; the last is `endTime` for an
        answer that was no stream; response_time: to the first token of a stream, else the whole
    metadata: who asked, and what the client said in its own `metadata` (`requester_metadata`)
    trace: None where no destination wants traces. The end of a request is an event, too, of a status in `ENDED`: it has
        neither tokens nor a cost.
    telling: who is told; no destination is told that
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
    model_parameters: dict[str, Any]
    messages: Any = None
    response: Any = None
    error_str: str | None = None
    error_information: dict[str, Any] | None = None
    hidden_params: dict[str, Any] = {}
    guardrail_information: list[dict[str, Any]] | None = None
    trace: Trace | None = None
    telling: Telling | UnsetType = UNSET

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

    def shown(self, *, bare: bool, hidden: Collection[str] = ()) -> "LogEvent":
        """Return it as a destination is told it. bare: without what was said; hidden: members that are empty."""
        event = self.bare() if bare else self
        if event.telling is UNSET and not hidden:
            return event
        empty = {name: _EMPTY[name] for name in hidden if name in _EMPTY}
        if ANONYMOUS in hidden:
            empty["metadata"] = {
                name: None if name.startswith(ANONYMOUS) else value for name, value in event.metadata.items()
            }
        return msgspec.structs.replace(event, telling=UNSET, **empty)

    def bare(self) -> "LogEvent":
        """Return it without what was said."""
        return msgspec.structs.replace(
            self,
            messages=[{"role": "user", "content": MARKER}],
            response=None if self.failed else {"text": MARKER},
            metadata=self.metadata | {"requester_metadata": {}, "prompt_management_metadata": None},
            model_parameters={name: self.model_parameters[name] for name in _PLAIN & self.model_parameters.keys()},
        )


ANONYMOUS: Final = "user_api_key"
"""Begins the members of `metadata` that say who asked; among hidden ones it stands for them all."""
_EMPTY: Final[dict[str, Any]] = {
    "messages": None, "response": None, "model_parameters": {}, "error_str": None, "error_information": None,
    "hidden_params": {}, "end_user": None, "api_base": "", "tags": (), "ip": None,
}  # fmt: skip
HIDEABLE: Final = {_RENAMED.get(name, name): name for name in _EMPTY}
"""Members that may be hidden, by their names outside."""
# parameters that say nothing of the content
_PLAIN: Final = frozenset({
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "stream", "presence_penalty",
    "frequency_penalty",
})  # fmt: skip
_CONTENT: Final = frozenset({
    "model", "messages", "input", "prompt", "metadata", "litellm_metadata", "user", "contents", "instructions",
})  # fmt: skip


def event_of(entry: Entry) -> LogEvent | None:
    """Return the event of an entry; None where the client asked that nobody be told (`no-log: true`)."""
    if entry.payload is not None and entry.payload.quiet:
        return None
    payload = Payload() if entry.payload is None else opened(entry.payload)
    request = _document(payload.request)
    said: dict[str, Any] = without_secrets(request) if isinstance(request, dict) else {}
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
        metadata=_metadata(entry, said),
        model_parameters=shortened({name: value for name, value in said.items() if name not in _CONTENT}),
        messages=shortened(_document(payload.messages)),
        response=shortened(_document(payload.response)),
        error_str=shortened(entry.error_message),
        error_information=_error(entry),
        hidden_params={"model_id": entry.deployment_id, "api_base": entry.api_base, "usage_object": _usage(entry)},
        guardrail_information=_runs(entry),
        trace=None if entry.place is None else _trace(entry.place),
        telling=payload.telling or UNSET,
    )
    return event.bare() if payload.telling is not None and payload.telling.bare else event


def _runs(entry: Entry) -> list[dict[str, Any]] | None:
    runs = _document(entry.guardrails)
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


def _metadata(entry: Entry, said: dict[str, Any]) -> dict[str, Any]:
    own = said.get("metadata")
    return {
        "user_api_key_hash": entry.key,
        "user_api_key_alias": entry.key_alias,
        "user_api_key_user_id": entry.user_id,
        "user_api_key_team_id": entry.team_id,
        "user_api_key_org_id": entry.organization_id,
        "user_api_key_end_user_id": entry.end_user,
        "requester_ip_address": entry.ip,
        "requester_metadata": shortened(own) if isinstance(own, dict) else {},
        "prompt_management_metadata": _prompt(said.get("litellm_metadata")),
        "usage_object": _usage(entry),
        "attempt": entry.attempt,
        "estimated": entry.estimated,
    }


def _prompt(about: Any) -> dict[str, Any] | None:
    """Return the prompt that a request was made with, its variables and where it came from; see tianji.prompts."""
    found = about.get("prompt_management_metadata") if isinstance(about, dict) else None
    return found if isinstance(found, dict) else None


def _usage(entry: Entry) -> dict[str, int]:
    return {
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "total_tokens": entry.total_tokens,
        "cache_read_input_tokens": entry.cached_tokens,
        "cache_creation_input_tokens": entry.written_tokens,
        "reasoning_tokens": entry.reasoning_tokens,
    }


def _error(entry: Entry) -> dict[str, Any] | None:
    if entry.error_class is None and entry.error_code is None:
        return None
    return {
        "error_code": entry.error_code,
        "error_class": entry.error_class,
        "error_message": shortened(entry.error_message),
        "llm_provider": entry.provider,
    }


def _document(text: bytes) -> Any:
    try:
        return _decode(text) if text else None
    except (msgspec.DecodeError, RecursionError):
        return None


def answer_text(response: Any) -> str:
    """Return the text of an answer in OpenAI's, Anthropic's or the Responses API's form; empty for others."""
    if not isinstance(response, dict):
        return ""
    choices = response.get("choices")
    if isinstance(choices, list):
        return "".join(_choice(choice) for choice in choices)
    blocks = response.get("content")
    if isinstance(blocks, list):
        return "".join(_texts(blocks))
    output = response.get("output")
    items = [item.get("content") for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return "".join(text for content in items if isinstance(content, list) for text in _texts(content))


def _choice(choice: Any) -> str:
    if not isinstance(choice, dict):
        return ""
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    return text if isinstance(text, str) else ""


def _texts(parts: list[Any]) -> list[str]:
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
