"""What a logger of the operator's own is told of one call, in the shapes that LiteLLM gives."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from tianji.hooks.standins import Node, answer

_LACKING: Final = (
    "request_model_access_groups", "autorouter_savings", "autorouter_savings_estimate",
    "autorouter_baseline_observation", "classifier_input", "originating_request_masked",
)  # fmt: skip
"""Members of the standard payload that the ledger does not know: they are there, and None."""
_ASKED: Final = {"aembedding": "input", "responses": "input", "amoderation": "input", "atext_completion": "prompt",
                 "aimage_generation": "prompt", "aspeech": "input"}  # fmt: skip
"""What holds what is asked, by the type of a call, where that is no list of messages."""
_PATHS: Final = {
    "acompletion": "/chat/completions", "atext_completion": "/completions", "aembedding": "/embeddings",
    "messages": "/v1/messages", "responses": "/responses", "amoderation": "/moderations", "arerank": "/rerank",
    "aimage_generation": "/images/generations", "aspeech": "/audio/speech",
}  # fmt: skip
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


class CallFailed(Exception):  # noqa: N818 - named for what it says
    """Why a call failed, as far as the ledger knows. `status_code`: None where nobody gave one."""

    def __init__(self, message: str, status_code: int | None, llm_provider: str) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.llm_provider = llm_provider


class Told(Struct, frozen=True):
    """The arguments of a logger's methods. `start_time`, `end_time`: of the machine's own zone, and without it."""

    kwargs: dict[str, Any]
    response_obj: Any
    start_time: datetime
    end_time: datetime

    @property
    def failed(self) -> bool:
        """Whether the call did."""
        return self.kwargs["exception"] is not None


def told(payload: Mapping[str, Any], *, failed: bool, model_info: Mapping[str, Any] = MappingProxyType({})) -> Told:
    """Return what a logger is told. `payload`: what callbacks hear of the call, as JSON has it.

    model_info: of the deployment, as the configuration says it
    """
    standard = Node({**dict.fromkeys(_LACKING), **payload})
    for name in ("status_fields", "cost_breakdown", "model_map_information"):
        standard[name] = None if standard[name] is None else Node(standard[name])
    response = None if failed else _response(payload)
    start, end = _time(payload["startTime"]), _time(payload["endTime"])
    messages = payload["messages"]
    info = {**model_info, "id": payload["model_id"]}
    kwargs = {
        "model": payload["model"],
        "messages": messages,
        "input": messages,
        "optional_params": dict(payload["model_parameters"]),
        "litellm_params": {
            "metadata": {
                **payload["metadata"],
                "model_group": payload["model_group"],
                "model_info": info,
                "tags": list(payload["request_tags"]),
            },
            "api_base": payload["api_base"],
            "custom_llm_provider": payload["custom_llm_provider"],
            "model_info": info,
            "proxy_server_request": _request(payload),
        },
        "standard_logging_object": standard,
        "response_cost": payload["response_cost"],
        "cache_hit": payload["cache_hit"],
        "call_type": payload["call_type"],
        "stream": payload["stream"],
        "user": payload["end_user"],
        "start_time": start,
        "end_time": end,
        "completion_start_time": _time(payload["completionStartTime"]),
        "custom_llm_provider": payload["custom_llm_provider"],
        "exception": _exception(payload) if failed else None,
        "traceback_exception": None,
        "standard_callback_dynamic_params": {},
        "litellm_call_id": payload["litellm_call_id"],
        "original_response": payload["response"],
        "mcp_tool_call_metadata": payload["metadata"].get("mcp_tool_call_metadata"),
    }
    if payload["stream"] and not failed:
        kwargs["complete_streaming_response"] = kwargs["async_complete_streaming_response"] = response
    return Told(kwargs, response, start, end)


def _request(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the client sent, as far as it is told. Headers are not: they may hold secrets."""
    kind = payload["call_type"]
    body = {
        "model": payload["model_group"],
        _ASKED.get(kind, "messages"): payload["messages"],
        **payload["model_parameters"],
        **({"user": payload["end_user"]} if payload["end_user"] else {}),
        **({"metadata": said} if (said := payload["metadata"]["requester_metadata"]) else {}),
    }
    return {"url": _PATHS.get(kind, ""), "method": "POST", "headers": {}, "body": body}


def _response(payload: Mapping[str, Any]) -> Any:
    """Return the answer. It says its usage, also where the client did not want to be told."""
    found = answer(payload["response"])
    if isinstance(found, Node) and found.usage is None:
        found.usage = Node({name: payload[name] for name in _TOKENS})
    return found


def _exception(payload: Mapping[str, Any]) -> CallFailed:
    known = payload.get("error_information") or {}
    code = str(known.get("error_code") or "")
    message = payload.get("error_str") or known.get("error_class") or "the call failed"
    return CallFailed(str(message), int(code) if code.isdecimal() else None, payload["custom_llm_provider"])


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds)  # noqa: DTZ006 - programs subtract datetime.now() from it
