"""A Messages request in the hub's form (https://docs.anthropic.com/en/api/messages)."""

import hashlib
from typing import Any, Final

from tianji.dialects.decoding import members, typed
from tianji.dialects.messages.conversation import messages_of, system_message
from tianji.dialects.tool_names import ToolNames
from tianji.errors import InvalidRequest
from tianji.protocol.anthropic.inbound import CreateMessage, ToolChoice, ToolDefinition
from tianji.protocol.chat.request import Function, Request, Tool

# Members that steer Anthropic's own servers and mean nothing to any other.
_ONLY_THERE: Final = frozenset(
    {
        "anthropic_beta",
        "cache_control",
        "container",
        "context_management",
        "diagnostics",
        "inference_geo",
        "mcp_servers",
        "speed",
    }
)
_KNOWN: Final = frozenset(CreateMessage.__struct_fields__)
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_EFFORTS: Final = ((4096, "high"), (2048, "medium"), (1024, "low"), (0, "minimal"))  # budget of tokens: effort
_USER_AT_MOST: Final = 64  # characters that OpenAI takes


def read(body: bytes, names: ToolNames) -> Request:
    """Return the request; `names` learns of names that had to be shortened. Raises InvalidRequest, MalformedJSON."""
    sent = members(body)
    asked = typed(sent, CreateMessage)
    if not asked.messages:
        raise InvalidRequest("messages: at least one message is required", param="messages")
    first = system_message(asked.system) if asked.system else None
    request = Request(
        model=asked.model,
        messages=[*([first] if first else ()), *messages_of(asked.messages, names)],
        max_tokens=asked.max_tokens,
        stop=asked.stop_sequences or None,
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        thinking=asked.thinking,
        reasoning_effort=_effort(asked),
        response_format=_response_format(asked),
        service_tier=_TIERS.get(asked.service_tier, asked.service_tier) if asked.service_tier else None,
        user=_user(asked),
        extra={name: sent[name] for name in sent if name not in _KNOWN and name not in _ONLY_THERE} or None,
    )
    if asked.stream:
        request.stream, request.stream_options = True, {"include_usage": True}
    if asked.tools:
        _read_tools(request, asked.tools, names)
    if asked.tool_choice is not None:
        _read_choice(request, asked.tool_choice, names)
    return request


def _read_tools(request: Request, tools: list[dict[str, Any]], names: ToolNames) -> None:
    found: list[Tool] = []
    for number, sent in enumerate(tools):
        tool = typed(sent, ToolDefinition, f"tools.{number}")
        if tool.type in (None, "custom"):
            parameters = tool.input_schema or {"type": "object", "properties": {}}
            function = Function(names.short(tool.name), tool.description, parameters, tool.strict)
            found.append(Tool(type="function", function=function, cache_control=tool.cache_control))
        elif str(tool.type).startswith("web_search_"):
            request.web_search_options = _search_options(sent)
        else:
            found.append(Tool(type=str(tool.type), provided=sent))
    request.tools = found or None


def _search_options(tool: dict[str, Any]) -> dict[str, Any]:
    """Return what the hub can say of a search: where the user is, and in which places of the web it looks."""
    options: dict[str, Any] = {}
    location = tool.get("user_location")
    if isinstance(location, dict):
        place = {name: value for name, value in location.items() if name != "type" and value is not None}
        options["user_location"] = {"type": "approximate", "approximate": place}
    filters = {name: tool[name] for name in ("allowed_domains", "blocked_domains") if tool.get(name)}
    return options | {"filters": filters} if filters else options


def _read_choice(request: Request, choice: ToolChoice, names: ToolNames) -> None:
    if choice.disable_parallel_tool_use is not None and request.tools:
        request.parallel_tool_calls = not choice.disable_parallel_tool_use
    if choice.type == "tool":
        if not choice.name:
            raise InvalidRequest("tool_choice.name: expected the name of a tool", param="tool_choice.name")
        request.tool_choice = {"type": "function", "function": {"name": names.short(choice.name)}}
    elif request.tools:
        request.tool_choice = _CHOICES[choice.type]


def _effort(asked: CreateMessage) -> str | None:
    """Return OpenAI's word for how much is thought: what was said outright, or what a budget comes to."""
    said = asked.output_config.effort if asked.output_config else None
    if asked.thinking is None or said is not None:
        return said
    if asked.thinking.get("type") == "adaptive":
        return "medium"
    budget = asked.thinking.get("budget_tokens")
    if asked.thinking.get("type") != "enabled" or not isinstance(budget, int):
        return None
    return next((effort for least, effort in _EFFORTS if budget >= least), None)


def _response_format(asked: CreateMessage) -> dict[str, Any] | None:
    wanted = (asked.output_config.format if asked.output_config else None) or asked.output_format
    if wanted is None:
        return None
    schema = wanted.get("schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise InvalidRequest("output_config.format: expected type json_schema with a schema", param="output_config")
    strict = _is_strict(schema)
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema, "strict": strict}}


def _is_strict(schema: object) -> bool:
    """Tell whether OpenAI would take a schema as a strict one: each object is closed and needs all of its members.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        if not isinstance(required, list) or schema.get("additionalProperties") is not False:
            return False
        if any(name not in required for name in properties):
            return False
        return all(map(_is_strict, properties.values())) and _rest_is_strict(schema, "properties")
    return schema.get("type") != "object" and _rest_is_strict(schema, "")


def _rest_is_strict(schema: dict[str, Any], apart: str) -> bool:
    return all(_is_strict(value) for name, value in schema.items() if name not in (apart, "enum", "const", "required"))


def _user(asked: CreateMessage) -> str | None:
    """Return who asks; of a name that is longer than others take its digest, which still tells users apart."""
    user = asked.metadata.user_id if asked.metadata else None
    if user is None or len(user) <= _USER_AT_MOST:
        return user
    return hashlib.sha256(user.encode()).hexdigest()
