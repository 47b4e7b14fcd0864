"""Events are made of the ledger's entries: straight to JSON, in which most destinations are told them.

What stands where is a table. Amounts and times are integers in the books, and decimals here, without a float between.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from tianji._core.bodies.blanks import Blank, Given, Own
from tianji.callbacks.costs import breakdown, price_entry, unpriced
from tianji.callbacks.discretion import shortened
from tianji.callbacks.event import ENDED, NOBODY, PROMPT, Apart, Audience, Called, LogEvent, Notice, Trace
from tianji.callbacks.said import NOTHING, Said, said_in, value
from tianji.callbacks.tools import CALL_TYPE, LISTED, NOTED, call_of, lists_of
from tianji.ledger.entry import Entry, Place, Telling
from tianji.ledger.limits import category, kind

_ENDS: Final = (
    "guardrail_intervened", "guardrail_failed_to_respond", "guardrail_flagged", "success",
)  # fmt: skip
"""What runs of guardrails end in, the worst first."""
NOT_RUN: Final = "not_run"
_LEFT: Final = ("x_ratelimit_remaining_requests", "x_ratelimit_remaining_tokens")
_TOOLS: Final = frozenset({"web_search_options", "file_search"})
_CLASSES: Final = {"ClientGone": "ClientDisconnected"}  # errors that are known by another name
_MICROS, _MILLIS, _NANOS = 6, 3, 9  # digits behind the point: of microseconds in seconds, in milliseconds, of costs
_encode: Final = msgspec.json.Encoder().encode

_USAGE: Final = {
    "prompt_tokens": Own("prompt_tokens"),
    "completion_tokens": Own("completion_tokens"),
    "total_tokens": Given("total"),
    "cache_read_input_tokens": Own("cached_tokens"),
    "cache_creation_input_tokens": Own("written_tokens"),
    "reasoning_tokens": Own("reasoning_tokens"),
}
_METADATA: Final = {
    "user_api_key_hash": Own("key"),
    "user_api_key_alias": Own("key_alias"),
    "user_api_key_user_id": Own("user_id"),
    "user_api_key_user_email": Given("user"),
    "user_api_key_team_id": Own("team_id"),
    "user_api_key_team_alias": Given("team"),
    "user_api_key_org_id": Own("organization_id"),
    "user_api_key_org_alias": Given("organization"),
    "user_api_key_project_id": Own("project_id"),
    "user_api_key_project_alias": Given("project"),
    "user_api_key_end_user_id": Own("end_user"),
    "requester_ip_address": Own("ip"),
    "user_agent": Own("user_agent"),
    "requester_metadata": Given("own"),
    PROMPT: Given("prompt"),
    NOTED: Given("tool"),
    "spend_logs_metadata": Given("spend"),
    "vector_store_request_metadata": None,
    "applied_guardrails": Given("guardrails"),
    "usage_object": _USAGE,
    "attempt": Own("attempt"),
    "estimated": Own("estimated"),
}
_HIDDEN: Final = {
    "model_id": Own("deployment_id"),
    "api_base": Own("api_base"),
    "litellm_model_name": Own("model"),
    "cache_key": None,
    "batch_models": None,
    "response_cost": Own("cost", _NANOS),
    "litellm_overhead_time_ms": Given("overhead", _MILLIS),
    "additional_headers": Given("left"),
    "usage_object": _USAGE,
}
_EVENT: Final = Blank({
    "id": Own("request_id"),
    "trace_id": Given("trace_id"),
    "litellm_call_id": Own("call_id"),
    "call_type": Own("call_type"),
    "status": Given("status"),
    "stream": Own("stream"),
    "custom_llm_provider": Own("provider"),
    "model": Own("model"),
    "model_group": Own("model_group"),
    "model_id": Own("deployment_id"),
    "api_base": Own("api_base"),
    "prompt_tokens": Own("prompt_tokens"),
    "completion_tokens": Own("completion_tokens"),
    "total_tokens": Given("total"),
    "response_cost": Own("cost", _NANOS),
    "startTime": Own("started_at", _MICROS),
    "endTime": Own("ended_at", _MICROS),
    "completionStartTime": Given("first", _MICROS),
    "response_time": Given("took", _MICROS),
    "cache_hit": Own("cache_hit"),
    "request_tags": Own("tags"),
    "end_user": Own("end_user"),
    "requester_ip_address": Own("ip"),
    "user_agent": Own("user_agent"),
    "metadata": _METADATA,
    "model_parameters": Given("parameters"),
    "messages": Given("asked"),
    "response": Given("answered"),
    "error_str": Given("error"),
    "error_information": Given("failure"),
    "hidden_params": _HIDDEN,
    "guardrail_information": Given("runs"),
    "session_id": Own("session_id"),
    "status_fields": {"llm_api_status": Own("status"), "guardrail_status": Given("guarded")},
    "cost_breakdown": Given("breakdown"),
    "model_map_information": Given("price"),
    "zero_cost_diagnostic": Given("unpriced"),
    "standard_built_in_tools_params": Given("tools"),
    "saved_cache_cost": Given("saved", _NANOS),
    "cache_key": None,
    "response_cost_failure_debug_info": None,
    "trace": Given("trace"),
})  # fmt: skip

_USUAL: Final[dict[str, Any]] = {
    "own": b"{}", "parameters": b"{}", "guardrails": b"[]", "guarded": NOT_RUN, "saved": 0,
    **dict.fromkeys(("prompt", "spend", "tool", "runs", "overhead", "left", "error", "failure", "breakdown",
                     "unpriced", "tools", "trace", "user", "team", "organization", "project")),
}  # fmt: skip
"""What is given for most events."""


def event_of(entry: Entry, apart: Apart | None = None, called: Called = NOBODY) -> LogEvent | None:
    """Return what `notice_of` does, decoded."""
    notice = notice_of(entry, apart, called)
    return None if notice is None else notice.event


def notice_of(entry: Entry, apart: Apart | None = None, called: Called = NOBODY) -> Notice | None:
    """Return the event of an entry; None where the client asked that nobody be told (`no-log: true`).

    apart: who is told of it instead of whom the configuration names, and by which callbacks
    called: what those are called whom it names
    """
    payload = entry.payload
    if payload is not None and payload.quiet:
        return None
    said, telling = (NOTHING, None) if payload is None else (said_in(payload), payload.telling)
    given = _given(entry, said, called)
    wire = _EVENT.filled(entry, given)
    notice = Notice(wire, given["status"], given["trace_id"], _audience(entry, telling, apart))
    lists = lists_of(entry, said)
    if lists is not None:
        more = notice.event.metadata | {LISTED: lists}
        notice = notice.with_event(msgspec.structs.replace(notice.event, metadata=more))
    return notice.shown(bare=True) if telling is not None and telling.bare else notice


def _given(entry: Entry, said: Said, called: Called) -> dict[str, Any]:
    """Return what an event says that is no member of the entry; what is bytes is JSON."""
    first = entry.answered_at if entry.stream and entry.answered_at is not None else entry.ended_at
    given = _USUAL.copy()
    given["status"] = entry.status if entry.paid else ENDED[entry.status]
    given["trace_id"] = entry.session_id or entry.call_id
    given["total"], given["first"], given["took"] = entry.total_tokens, first, first - entry.started_at
    if called is not NOBODY:
        given["user"], given["team"] = called.user, called.team
        given["organization"], given["project"] = called.organization, called.project
    given["asked"], given["answered"] = said.messages, said.response
    given["price"] = price_entry(entry)
    if entry.upstream:
        given["overhead"] = max(0, entry.ended_at - entry.started_at - entry.upstream)
    if said.parameters:
        given["parameters"] = _encode(said.parameters)
        if not _TOOLS.isdisjoint(said.parameters):
            given["tools"] = _encode({name: raw for name, raw in said.parameters.items() if name in _TOOLS})
    if said.metadata:
        given["own"] = _encode(said.metadata)
    if entry.items:
        given["breakdown"] = _json(breakdown(entry))
    else:
        given["unpriced"] = _json(unpriced(entry))
    if entry.cache_hit:
        given["saved"] = None
    if entry.place is not None:
        given["trace"] = _encode(_trace(entry.place))
    given.update(_rare(entry, said))
    return given


def _rare(entry: Entry, said: Said) -> Iterator[tuple[str, Any]]:
    """Yield what most events do not have."""
    if entry.spend_logs_metadata is not None:
        yield "spend", entry.spend_logs_metadata.encode()
    if entry.guardrails:
        yield from _guarded(entry.guardrails)
    if entry.remaining is not None:
        yield "left", _json(_left(entry.remaining))
    if said.beside:
        yield "prompt", _json(said.beside.get(PROMPT))
    if entry.call_type == CALL_TYPE:
        yield "tool", _json(call_of(entry, said))
    if entry.error_message is not None:
        yield "error", shortened(entry.error_message)
    if entry.error_class is not None or entry.error_code is not None:
        yield "failure", _encode(_error(entry))


def _guarded(written: bytes) -> Iterator[tuple[str, Any]]:
    found = value(written)
    if isinstance(found, list):
        runs = [run for run in found if isinstance(run, dict)]
        yield "runs", _encode(runs)
        yield "guardrails", _encode([run["guardrail_name"] for run in runs if run.get("guardrail_name")])
        yield "guarded", worst(runs)


def _json(found: Any) -> bytes | None:
    return None if found is None else _encode(found)


def _audience(entry: Entry, telling: Telling | None, apart: Apart | None) -> Audience | UnsetType:
    """Return who is told. Who has callbacks of his own by his key or team has them, whatever his request says."""
    if telling is None:
        return UNSET if apart is None else Audience(apart[0], apart=apart[1])
    if telling.owner:
        name = entry.key if telling.owner == "key" else entry.team_id
        return Audience((telling.owner, str(name)), telling.muted)
    return Audience(None, telling.muted) if apart is None else Audience(apart[0], telling.muted, apart[1])


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


def worst(runs: Iterable[Mapping[str, Any]]) -> str:
    """Return the worst of what runs of guardrails ended in."""
    ends = {run.get("guardrail_status") for run in runs}
    return next((end for end in _ENDS if end in ends), NOT_RUN)


def _left(remaining: tuple[int, ...]) -> dict[str, int] | None:
    """Return what the provider says is left of its limits."""
    left = dict(zip(_LEFT, remaining[:2], strict=True))
    return {name: count for name, count in left.items() if count >= 0} or None


def _error(entry: Entry) -> dict[str, Any]:
    return {
        "error_code": entry.error_code,
        "error_class": _CLASSES.get(entry.error_class or "", entry.error_class),
        "error_rate_limit_category": category(entry.error_code, entry.error_class, entry.deployment_id),
        "error_rate_limit_type": kind(entry.error_class, entry.limited),
        "error_message": shortened(entry.error_message),
        "llm_provider": entry.provider,
    }
