"""Langtrace (https://github.com/Scale3-Labs/langtrace-trace-attributes), and OpenTelemetry's own words beside it."""

from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.conversation import Message, answered, asked
from tianji.callbacks.otlp.facts import Facts, facts_of, renamed
from tianji.callbacks.otlp.span import Vocabulary
from tianji.callbacks.otlp.vocabularies.genai import usual

_NAMES: Final = {
    "langtrace.service.name": "provider",
    "llm.model": "model",
    "llm.temperature": "temperature",
    "llm.top_p": "top_p",
    "llm.top_k": "top_k",
    "llm.max_tokens": "max_tokens",
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.stream": "stream",
    "llm.token.counts.prompt": "input_tokens",
    "llm.token.counts.completion": "output_tokens",
    "llm.token.counts.total": "total_tokens",
    "gen_ai.response_id": "response_id",
    "gen_ai.system_fingerprint": "fingerprint",
}
_encode: Final = msgspec.json.Encoder().encode


def langtrace(event: LogEvent, content: bool) -> Facts:
    """Return the attributes of an attempt."""
    found = usual(event, content) | renamed(facts_of(event), _NAMES)
    if content:
        found["llm.prompts"] = _encode([_said(message) for message in asked(event.messages)]).decode()
        found["llm.completions"] = _encode([_said(message) for message in answered(event.response)]).decode()
    return found


def _said(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.text}


LANGTRACE: Final = Vocabulary(langtrace)
