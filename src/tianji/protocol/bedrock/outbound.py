"""A request in Converse's form, and its answer in the hub's.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
.../API_runtime_ConverseStream.html
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header
from tianji.protocol.bedrock.conversation import cache_point, conversation_of
from tianji.protocol.bedrock.decoder import JSON_TOOL, Decoder
from tianji.protocol.bedrock.inference import inference_of, thinks_as_claude
from tianji.protocol.bedrock.models import converse_path, family_of, has_output_format
from tianji.protocol.bedrock.names import Names
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.choices import narrowed
from tianji.protocol.chat.request import Request, Tool
from tianji.protocol.chat.seam import Framing, Target
from tianji.protocol.chat.support import lacking, may_be_forced, refuse

Json = dict[str, Any]

# Members of the hub's form that Converse has nothing for.
UNSUPPORTED = frozenset(
    {
        "n",
        "logprobs",
        "top_logprobs",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "prediction",
        "modalities",
        "audio",
        "verbosity",
    }
)
_TOP: Mapping[str, str] = {
    "guardrailConfig": "guardrailConfig",
    "guardrail_config": "guardrailConfig",
    "performanceConfig": "performanceConfig",
    "requestMetadata": "requestMetadata",
    "promptVariables": "promptVariables",
    "additionalModelResponseFieldPaths": "additionalModelResponseFieldPaths",
    "outputConfig": "outputConfig",
    "serviceTier": "serviceTier",
}
_CHOICES: Mapping[str, Json | None] = {"auto": {"auto": {}}, "required": {"any": {}}, "any": {"any": {}}}
_JSON_ONLY = "Answer with one JSON object and nothing else."


def outbound(request: Request, target: Target) -> "BedrockOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return BedrockOutbound(request, target)


class BedrockOutbound:
    """One request to Bedrock."""

    framing: Framing = "aws"
    headers: tuple[Header, ...] = ()
    names = True  # answers, which have none

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self.clock = clock
        self._streams = bool(request.stream)
        self._names = Names()
        self._json = False
        self.body = msgspec.json.encode(self._write(request))

    @property
    def suffix(self) -> str:
        """The path, which names the model."""
        return converse_path(self._target.model, streamed=self._streams)

    @property
    def plain(self) -> bool:
        """Whether an answer is read as that of any other request."""
        return self._names.kept and not self._json

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return self.stream().whole(body)

    def stream(self) -> Decoder:
        """Begin to read a streamed answer."""
        return Decoder(self._target, self._names, self.clock, json_tool=self._json)

    def _write(self, request: Request) -> Json:
        target, request = self._target, narrowed(request)
        if request.n == 1:
            request = msgspec.structs.replace(request, n=None)
        additional = lacking(request, target, UNSUPPORTED)
        body: Json = {}
        tools = self._tools(request, body)
        conversation = conversation_of(request.messages, target, self._names, tools=bool(tools))
        body["messages"] = conversation.messages
        if request.response_format is not None:
            self._format(request.response_format, tools, conversation.system, body)
        if conversation.system:
            body["system"] = conversation.system
        self._choose(request, tools, body)
        inference, more = inference_of(request, target, body.get("toolConfig", {}).get("toolChoice", {}))
        if inference:
            body["inferenceConfig"] = inference
        additional |= more
        if request.service_tier not in (None, "auto"):
            body["serviceTier"] = {"type": request.service_tier}
        for name, value in (request.extra or {}).items():
            if name in _TOP:
                body[_TOP[name]] = value
            elif name == "additionalModelRequestFields" and isinstance(value, dict):
                additional |= value
            else:
                additional[name] = value
        if additional:
            body["additionalModelRequestFields"] = additional
        return body

    def _tools(self, request: Request, body: Json) -> list[Json]:
        """Return the tools, none where the model may not call any: Bedrock cannot be told so otherwise."""
        if request.tool_choice == "none":
            return []
        tools: list[Json] = []
        for tool in request.tools or []:
            tools += self._tool(tool)
        if request.web_search_options is not None:
            if request.web_search_options.get("filters"):
                refuse(self._target, "web_search_options", "it cannot be kept to some places of the web")
            if family_of(self._target).startswith("nova"):
                tools.append({"systemTool": {"name": "nova_grounding"}})
            else:
                refuse(self._target, "web_search_options", "it cannot search")
        if tools:
            body["toolConfig"] = {"tools": tools}
        return tools

    def _tool(self, tool: Tool) -> list[Json]:
        function = tool.function
        if tool.type != "function" or function is None:
            given = tool.provided or {}
            if "systemTool" in given:
                return [{"systemTool": given["systemTool"]}]
            refuse(self._target, "tools", f"it has no tool of type {tool.type!r}")
            return []
        spec: Json = {
            "name": self._names.there(function.name),
            "inputSchema": {"json": _object_schema(function.parameters)},
        }
        if function.description:
            spec["description"] = function.description
        found: list[Json] = [{"toolSpec": spec}]
        if tool.cache_control is not None and family_of(self._target) == "claude":
            found.append(cache_point(tool.cache_control))
        return found

    def _format(self, form: Json, tools: list[Json], system: list[Json], body: Json) -> None:
        """Ask for JSON: natively, or by a tool that takes it, or in words where there is no schema."""
        kind = form.get("type")
        holder = form.get("json_schema")
        schema = holder.get("schema") if kind == "json_schema" and isinstance(holder, dict) else None
        schema = schema or form.get("response_schema")
        if kind in (None, "text"):
            return
        if kind not in ("json_object", "json_schema"):
            refuse(self._target, "response_format", f"its type {kind!r} is unknown")
        elif not isinstance(schema, dict) or not schema:
            system.append({"text": _JSON_ONLY})
        elif has_output_format(self._target):
            said = {"name": _schema_name(holder), "schema": msgspec.json.encode(schema).decode()}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": said}}}
        else:
            self._json = True
            tools.append({"toolSpec": {"name": JSON_TOOL, "inputSchema": {"json": _object_schema(schema)}}})
            body["toolConfig"] = {"tools": tools}

    def _choose(self, request: Request, tools: list[Json], body: Json) -> None:
        if not tools:
            return
        choice = self._choice(request.tool_choice)
        if choice and "auto" not in choice and not may_be_forced(self._target):
            refuse(self._target, "tool_choice", "it cannot be forced to call a tool")
            choice = None
        if self._json and may_be_forced(self._target) and not thinks_as_claude(request, self._target):
            alone = len([tool for tool in tools if "toolSpec" in tool]) == 1
            choice = choice if choice and "tool" in choice else {"tool": {"name": JSON_TOOL}} if alone else {"any": {}}
        if choice:
            body["toolConfig"]["toolChoice"] = choice

    def _choice(self, given: str | Json | None) -> Json | None:
        if isinstance(given, str):
            return _CHOICES.get(given)
        function = (given or {}).get("function")
        if isinstance(function, dict) and isinstance(name := function.get("name"), str):
            return {"tool": {"name": self._names.there(name)}}
        kind = (given or {}).get("type")
        if isinstance(kind, str) and kind not in _CHOICES and kind != "none":
            refuse(self._target, "tool_choice", f"its type {kind!r} cannot be said")
        return _CHOICES.get(kind) if isinstance(kind, str) else None


def _object_schema(schema: Json | None) -> Json:
    """Return a schema whose root is an object, as Bedrock wants it."""
    found = {name: value for name, value in (schema or {}).items() if name not in ("$schema", "$id", "strict")}
    return found if found.get("type") == "object" else {**found, "type": "object"}


def _schema_name(holder: object) -> str:
    name = holder.get("name") if isinstance(holder, dict) else None
    return name if isinstance(name, str) and name else "answer"
