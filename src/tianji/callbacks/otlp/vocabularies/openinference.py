"""OpenInference, which Arize, Phoenix and Weave read.

https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.conversation import Message, answered, asked
from tianji.callbacks.otlp.facts import Facts, facts_of, identity, renamed
from tianji.callbacks.otlp.span import Vocabulary

_NAMES: Final = {
    "llm.model_name": "model",
    "llm.provider": "provider",
    "llm.system": "provider",
    "llm.token_count.prompt": "input_tokens",
    "llm.token_count.completion": "output_tokens",
    "llm.token_count.total": "total_tokens",
    "llm.token_count.prompt_details.cache_read": "cache_read",
    "llm.token_count.prompt_details.cache_write": "cache_write",
    "llm.token_count.completion_details.reasoning": "reasoning",
    "llm.cost.total": "cost",
    "llm.response.cost": "cost",
    "session.id": "end_user",
    "user.id": "user",
    "tag.tags": "tags",
    "litellm.trace_id": "session",
    "litellm.call_id": "call_id",
    "litellm.team_id": "team",
    "litellm.key_alias": "key_alias",
    "error.type": "error_type",
    "tool.name": "tool",
}
_KINDS: Final = (  # by what stands in the type of the call; the first that does
    ("embedding", "EMBEDDING"),
    ("rerank", "RERANKER"),
    ("search", "RETRIEVER"),
    ("moderation", "GUARDRAIL"),
    ("mcp", "TOOL"),
)
_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_encode: Final = msgspec.json.Encoder().encode


def openinference(event: LogEvent, content: bool) -> Facts:
    """Return the attributes of an attempt."""
    found = renamed(facts_of(event), _NAMES)
    found["openinference.span.kind"] = kind(event.call_type)
    found["metadata"] = _encode(identity(event)).decode()
    if not content:
        return found
    parameters = {name: value for name, value in event.model_parameters.items() if name not in {"tools", "functions"}}
    if parameters:
        found["llm.invocation_parameters"] = _encode(parameters).decode()
    tools = event.model_parameters.get("tools")
    for i, tool in enumerate(tools if isinstance(tools, list) else ()):
        found[f"llm.tools.{i}.tool.json_schema"] = _encode(tool).decode()
    questions, answers = asked(event.messages), answered(event.response)
    if event.messages is not None:
        found |= _value("input", event.messages, questions)
    if event.response is not None:
        found |= _value("output", event.response, answers)
    if found["openinference.span.kind"] == "EMBEDDING":
        return found | {f"embedding.embeddings.{i}.embedding.text": one.text for i, one in enumerate(questions)}
    return found | _messages("llm.input_messages", questions) | _messages("llm.output_messages", answers)


def kind(call_type: str) -> str:
    """Return which kind of span a call is."""
    return next((found for part, found in _KINDS if part in call_type), "LLM")


def _value(side: str, document: Any, messages: Sequence[Message]) -> Facts:
    """Return one side as a whole: the text of a single message, else the document."""
    if len(messages) == 1 and messages[0].text and not messages[0].calls:
        return {f"{side}.value": messages[0].text, f"{side}.mime_type": _TEXT}
    return {f"{side}.value": _encode(document).decode(), f"{side}.mime_type": _JSON}


def _messages(prefix: str, messages: Sequence[Message]) -> Facts:
    found: Facts = {}
    for i, message in enumerate(messages):
        at = f"{prefix}.{i}.message"
        found[f"{at}.role"] = message.role
        if message.answers is not None:
            found[f"{at}.tool_call_id"] = message.answers
        if message.images:
            for j, (kind_of, value) in enumerate(
                [("text", text) for text in message.texts] + [("image", address) for address in message.images]
            ):
                part = f"{at}.contents.{j}.message_content"
                found[f"{part}.type"] = kind_of
                found[f"{part}.text" if kind_of == "text" else f"{part}.image.image.url"] = value
        elif message.texts:
            found[f"{at}.content"] = message.text
        for j, call in enumerate(message.calls):
            part = f"{at}.tool_calls.{j}.tool_call"
            found[f"{part}.id"] = call.id
            found[f"{part}.function.name"] = call.name
            found[f"{part}.function.arguments"] = call.arguments
    return found


OPENINFERENCE: Final = Vocabulary(
    openinference, above=frozenset({"input.value", "input.mime_type", "output.value", "output.mime_type"})
)
