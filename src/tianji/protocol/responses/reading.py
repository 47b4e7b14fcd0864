"""An answer of an upstream that speaks the Responses API, as the hub knows it.

https://platform.openai.com/docs/api-reference/responses/object
"""

from typing import Any, Final

from msgspec import UNSET, UnsetType

from tianji.protocol.chat.answer import (
    AnswerMessage,
    Choice,
    Completion,
    CompletionDetails,
    PromptDetails,
    Usage,
)
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall
from tianji.protocol.loose import object_of, objects_of
from tianji.protocol.responses.thoughts import block_of, summary_of

Json = dict[str, Any]
_INCOMPLETE: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


def completion_of(response: Json) -> Completion:
    """Return a whole answer."""
    message = AnswerMessage(role="assistant", content=None)
    output = objects_of(response.get("output"))
    for item in output:
        _take(message, item)
    called = bool(message.tool_calls)
    said = [part for item in output if item.get("type") == "message" for part in objects_of(item.get("content"))]
    choice = Choice(
        index=0,
        message=message,
        finish_reason=finish_reason(response, called=called),
        logprobs=logprobs_of([token for part in said for token in objects_of(part.get("logprobs"))]),
    )
    tier = response.get("service_tier")
    return Completion(
        id=str(response.get("id") or ""),
        created=created_of(response),
        model=str(response.get("model") or ""),
        choices=[choice],
        usage=usage_of(response) or UNSET,
        service_tier=tier if isinstance(tier, str) else UNSET,
    )


def created_of(response: Json) -> int:
    """Return when the answer was made, in seconds since 1970."""
    created = response.get("created_at")
    return int(created) if isinstance(created, int | float) else 0


def finish_reason(response: Json, *, called: bool) -> str:
    """Return why an answer ended. `called`: whether functions were called."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _INCOMPLETE.get(str(reason), "length")
    return "tool_calls" if called else "stop"


SEARCH: Final = "web_search_call"  # the type of an item that says that the web was searched


def usage_of(response: Json, searches: int | None = None) -> Usage | None:
    """Return the tokens, None where nothing is said of them. searches: how many were seen; None: its output says."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, made = object_of(usage.get("input_tokens_details")), object_of(usage.get("output_tokens_details"))
    found = Usage(
        prompt_tokens=_int(usage.get("input_tokens")),
        completion_tokens=_int(usage.get("output_tokens")),
        total_tokens=_int(usage.get("total_tokens")),
    )
    if prompt:
        found.prompt_tokens_details = PromptDetails(cached_tokens=_int(prompt.get("cached_tokens")))
        if written := _int(prompt.get("cache_write_tokens")):
            found.prompt_tokens_details.cache_creation_tokens = written
    if made:
        found.completion_tokens_details = CompletionDetails(reasoning_tokens=_int(made.get("reasoning_tokens")))
    if searches is None:
        searches = sum(item.get("type") == SEARCH for item in objects_of(response.get("output")))
    told = _int(object_of(object_of(response.get("tool_usage")).get("web_search")).get("num_requests"))
    if told or searches:
        found.server_tool_use = {"web_search_requests": told or searches}
    return found


def nested_annotation(annotation: Json) -> Json:
    """Return a citation as chat has it: its members one level deeper."""
    kind = str(annotation.get("type") or "url_citation")
    return {"type": kind, kind: {name: value for name, value in annotation.items() if name != "type"}}


def logprobs_of(tokens: object) -> Json | UnsetType:
    """Return the log probabilities of the tokens of a text as chat has them, UNSET where there are none."""
    found = objects_of(tokens)
    return {"content": found, "refusal": None} if found else UNSET


def image_of(item: Json) -> Json | None:
    """Return a picture as a part, None where there is none in the item."""
    result = item.get("result")
    if not isinstance(result, str) or not result:
        return None
    form = item.get("output_format") or "png"
    return {"type": "image_url", "image_url": {"url": f"data:image/{form};base64,{result}"}}


def call_of(item: Json) -> ToolCall | None:
    """Return the call in an item, None in one that is none."""
    call_id, name = str(item.get("call_id") or item.get("id") or ""), str(item.get("name") or "")
    if item.get("type") == "function_call":
        return ToolCall(id=call_id, type="function", function=FunctionCall(name, str(item.get("arguments") or "")))
    if item.get("type") == "custom_tool_call":
        return ToolCall(id=call_id, type="custom", custom={"name": name, "input": str(item.get("input") or "")})
    return None


def _take(message: AnswerMessage, item: Json) -> None:
    kind = item.get("type")
    if kind == "message":
        for part in objects_of(item.get("content")):
            _say(message, part)
    elif kind == "reasoning":
        _think(message, item)
    elif kind == "image_generation_call" and (image := image_of(item)) is not None:
        message.images = [*(message.images or ()), image]
    elif (call := call_of(item)) is not None:
        message.tool_calls = [*(message.tool_calls or ()), call]


def _say(message: AnswerMessage, part: Json) -> None:
    if part.get("type") == "refusal":
        message.refusal = (message.refusal or "") + str(part.get("refusal") or "")
        return
    message.content = (message.content or "") + str(part.get("text") or "")
    if annotations := objects_of(part.get("annotations")):
        message.annotations = [*(message.annotations or ()), *map(nested_annotation, annotations)]


def _think(message: AnswerMessage, item: Json) -> None:
    if text := summary_of(item):
        message.reasoning_content = "\n\n".join(filter(None, (message.reasoning_content or "", text)))
    if (block := block_of(item)) is not None:
        blocks: list[ThinkingBlock] = [*(message.thinking_blocks or ()), block]
        message.thinking_blocks = blocks


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
