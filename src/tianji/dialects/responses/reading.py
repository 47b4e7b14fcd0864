"""A Responses request in the hub's form (https://platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tianji.dialects.responses.conversation import messages_of
from tianji.dialects.responses.tools import ToolBook, read_choice, read_tools, tools_of
from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Message, Request
from tianji.protocol.responses.request import CreateResponse, Text

# Members that have a place here, or steer OpenAI's own servers and mean nothing to any other.
_KNOWN: Final = frozenset(CreateResponse.__struct_fields__) | {
    "access_programs",
    "background_options",
    "client_metadata",
    "image",
    "moderation",
    "partial_images",
    "prompt_cache_options",
}
_LOGPROBS: Final = "message.output_text.logprobs"  # in `include`


def unknown_members(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a body that this dialect has no notion of."""
    return {name: value for name, value in sent.items() if name not in _KNOWN}


def hub_request(asked: CreateResponse, items: Sequence[Mapping[str, Any]], book: ToolBook) -> Request:
    """Return the request for a conversation of these items; `book` learns of its tools. Raises InvalidRequest."""
    _refuse_what_is_elsewhere(asked)
    messages = messages_of(items, book)
    if asked.instructions:
        messages.insert(0, Message(role="system", content=asked.instructions))
    if not messages:
        raise InvalidRequest("input: at least one item is required", param="input", code="missing_required_parameter")
    request = Request(
        model=asked.model,
        messages=messages,
        max_tokens=asked.max_output_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        reasoning_effort=asked.reasoning.effort if asked.reasoning else None,
        response_format=_response_format(asked.text) if asked.text else None,
        verbosity=asked.text.verbosity if asked.text else None,
        user=asked.user,
        safety_identifier=asked.safety_identifier,
        service_tier=asked.service_tier,
        prompt_cache_key=asked.prompt_cache_key,
    )
    if asked.stream:
        request.stream, request.stream_options = True, {"include_usage": True}
    if asked.top_logprobs or _LOGPROBS in (asked.include or ()):
        request.logprobs, request.top_logprobs = True, asked.top_logprobs
    read_tools(request, tools_of(asked, items), book)
    if request.tools is not None:
        request.parallel_tool_calls = asked.parallel_tool_calls
    if asked.tool_choice is not None:
        read_choice(request, asked.tool_choice, book)
    return request


def _refuse_what_is_elsewhere(asked: CreateResponse) -> None:
    """Refuse what only the server that keeps it could look up."""
    for name, value in (
        ("conversation", asked.conversation),
        ("prompt", asked.prompt),
        ("previous_response_id", asked.previous_response_id),  # of one that was made here, its items were put in
    ):
        if value is not None:
            raise InvalidRequest(
                f"{name} names what another server keeps, which this model cannot see; send the input itself",
                param=name,
            )


def _response_format(text: Text) -> dict[str, Any] | None:
    wanted = text.format or {}
    kind = wanted.get("type", "text")
    if kind == "json_object":
        return {"type": "json_object"}
    if kind == "json_schema":
        schema = {name: wanted[name] for name in ("description", "schema", "strict") if wanted.get(name) is not None}
        return {"type": "json_schema", "json_schema": {"name": wanted.get("name") or "response"} | schema}
    if kind != "text":
        raise InvalidRequest("text.format.type: expected text, json_object or json_schema", param="text.format.type")
    return None
