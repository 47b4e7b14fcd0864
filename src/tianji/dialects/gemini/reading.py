"""A request in Google's form becomes a chat request of the hub.

https://ai.google.dev/api/generate-content. What only Google's own models know (safety settings, labels) is left out:
where one of those serves the request, the client's bytes go there as they are.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from tianji.dialects.gemini.turns import Turns
from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.chat.effort import effort_of
from tianji.protocol.chat.request import Function, Message, Request, Tool
from tianji.protocol.gemini.inbound import CountTokens, GenerateContent, GenerationConfig, camel
from tianji.protocol.gemini.schemas import to_json_schema
from tianji.protocol.gemini.wire import Content

Json = dict[str, Any]
T = TypeVar("T")

_CHOICES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_DETAILS = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}
_SEARCHES = frozenset({"googleSearch", "googleSearchRetrieval", "enterpriseWebSearch"})


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a body in either spelling. Raises MalformedJSON or InvalidRequest."""
    try:
        return msgspec.convert(camel(msgspec.json.decode(body)), kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The body does not fit: {error}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not JSON: {error}.") from error


def read(body: bytes, model: str, streamed: bool) -> Request:
    """Return the chat request for a body. Raises InvalidRequest for what no other model can do."""
    return _request(decode(body, GenerateContent), model, streamed)


def read_count(body: bytes, model: str) -> Request:
    """Return the chat request whose tokens countTokens asks for."""
    asked = decode(body, CountTokens)
    return _request(asked.generate_content_request or GenerateContent(contents=asked.contents), model, False)


def _request(asked: GenerateContent, model: str, streamed: bool) -> Request:
    if asked.cached_content is not None:
        raise InvalidRequest(
            f"cachedContent lies with Google, and {model!r} is served elsewhere: send the content.",
            param="cachedContent",
        )
    config = asked.generation_config or GenerationConfig()
    request = Request(model=model, messages=_messages(asked, _DETAILS.get(config.media_resolution or "")))
    if streamed:
        request.stream = True
        request.stream_options = {"include_usage": True}
    for tool in asked.tools or []:
        _add_tools(tool, request)
    request.tool_choice = _choice(asked.tool_config)
    request.service_tier = _TIERS.get((asked.service_tier or "").lower())
    _configure(config, request)
    return request


def _messages(asked: GenerateContent, detail: str | None) -> list[Message]:
    turns = Turns(detail)
    if asked.system_instruction is not None:
        turns.instruct(asked.system_instruction)
    contents = asked.contents
    for content in contents if isinstance(contents, list) else [contents]:
        if content is not None:
            turns.say(content)
    if not any(message.role != "system" for message in turns.messages):
        raise InvalidRequest("contents is empty: send at least one part with text or data.", param="contents")
    return turns.messages


def _add_tools(tool: Json, request: Request) -> None:
    """Take one of Google's tools, each of whose members is a tool or a list of functions."""
    for name, value in tool.items():
        if name == "functionDeclarations":
            request.tools = [*(request.tools or []), *_functions(value)]
        elif name in _SEARCHES:
            request.web_search_options = {}
        elif value is not None:
            request.tools = [*(request.tools or []), Tool(type=name, provided={"type": name, name: value})]


def _functions(declarations: object) -> Iterator[Tool]:
    for declaration in declarations if isinstance(declarations, list) else [declarations]:
        name = declaration.get("name") if isinstance(declaration, dict) else None
        if not isinstance(declaration, dict) or not isinstance(name, str):
            raise InvalidRequest("Each of functionDeclarations needs a name.", param="tools")
        description = declaration.get("description")
        parameters = declaration.get("parametersJsonSchema")
        if not isinstance(parameters, dict):
            given = declaration.get("parameters")
            parameters = to_json_schema(given) if isinstance(given, dict) else {"type": "object", "properties": {}}
        said = description if isinstance(description, str) else None
        yield Tool(type="function", function=Function(name, said, parameters))


def _choice(config: Json | None) -> str | Json | None:
    calling = (config or {}).get("functionCallingConfig")
    if not isinstance(calling, dict):
        return None
    said = calling.get("mode")
    mode = _CHOICES.get(said.upper()) if isinstance(said, str) else None
    names = [name for name in calling.get("allowedFunctionNames") or [] if isinstance(name, str)]
    if mode is None or mode == "none" or not names:
        return mode
    if mode == "required" and len(names) == 1:
        return {"type": "function", "function": {"name": names[0]}}
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def _configure(config: GenerationConfig, request: Request) -> None:
    request.temperature = config.temperature
    request.top_p = config.top_p
    request.top_k = None if config.top_k is None else int(config.top_k)
    request.max_tokens = config.max_output_tokens
    request.stop = config.stop_sequences or None
    request.n = config.candidate_count if config.candidate_count != 1 else None
    request.seed = config.seed
    request.presence_penalty = config.presence_penalty
    request.frequency_penalty = config.frequency_penalty
    request.logprobs = config.response_logprobs
    request.top_logprobs = config.logprobs if config.response_logprobs else None
    request.response_format = _format(config)
    request.reasoning_effort = _effort(config.thinking_config)
    modalities = [word.lower() for word in config.response_modalities or []]
    if modalities and modalities != ["text"]:
        request.modalities = modalities
    if "audio" in modalities:
        request.audio = {"voice": _voice(config.speech_config) or "alloy", "format": "pcm16"}


def _format(config: GenerationConfig) -> Json | None:
    if config.response_mime_type in (None, "text/plain"):
        return None
    if config.response_mime_type != "application/json":
        raise InvalidRequest(
            f"responseMimeType {config.response_mime_type!r} is known to Google's models only: use application/json.",
            param="generationConfig.responseMimeType",
        )
    schema = config.response_json_schema
    if not isinstance(schema, dict):
        schema = to_json_schema(config.response_schema) if config.response_schema else None
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _effort(config: Json | None) -> str | None:
    level, budget = (config or {}).get("thinkingLevel"), (config or {}).get("thinkingBudget")
    if isinstance(level, str) and level.lower() != "thinking_level_unspecified":
        return level.lower()
    if not isinstance(budget, int) or budget < 0:  # -1 leaves it to the model
        return None
    return effort_of(budget) if budget else "none"


def _voice(config: Json | None) -> str | None:
    value: Any = config
    for name in ("voiceConfig", "prebuiltVoiceConfig", "voiceName"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def text_of(content: Content | None) -> str:
    """Return the text of a content whose other parts do not matter."""
    return "\n".join(part.text for part in (content.parts if content else None) or [] if part.text)
