"""A request in Anthropic's form, and its answer in the hub's (https://docs.anthropic.com/en/api/messages)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header, InvalidRequest
from tianji.protocol.anthropic import structured
from tianji.protocol.anthropic.answers import completion_of
from tianji.protocol.anthropic.events import Decoder
from tianji.protocol.anthropic.names import ToolNames
from tianji.protocol.anthropic.thinking import sampling, set_thinking
from tianji.protocol.anthropic.tools import MCP_BETA, Tools
from tianji.protocol.anthropic.turns import conversation_of, has_tool_blocks
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.choices import narrowed
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, Target
from tianji.protocol.chat.support import may_be_forced, refuse

SUFFIX: Final = "/v1/messages"
_PERSONAL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|\+?[\d\s().-]{7,}")  # an address or a number of somebody
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
# Members beside OpenAI's that need a beta flag.
_BETAS: Final[Mapping[str, str]] = {
    "context_management": "context-management-2025-06-27",
    "mcp_servers": MCP_BETA,
    "speed": "fast-mode-2026-02-01",
}
_FILES_BETA: Final = "files-api-2025-04-14"


class Message:
    """A request as Anthropic reads it: `body` as an object, the `betas` it needs, and what its answer is read with."""

    def __init__(self, request: Request, target: Target) -> None:
        request = narrowed(request)
        self.names = ToolNames()
        self.json_mode = False
        tools = Tools(request, self.names, target)
        conversation = conversation_of(request.messages, self.names, target)
        self.body: dict[str, Any] = {"model": target.model}
        forced = tools.choice is not None and tools.choice.get("type") in ("any", "tool")
        thinks = set_thinking(self.body, request, target, forced=forced)
        self.body["messages"] = conversation.turns
        if conversation.system:
            self.body["system"] = conversation.system
        if has_tool_blocks(conversation.turns):
            tools.stand_in()
        if request.response_format is not None:
            self._shape_answer(request, tools, target, thinks=thinks)
        self._add_tools(tools)
        self.body |= sampling(request, target, thinks=thinks)
        self._add_rest(request, target)
        self.betas = self._betas(tools, conversation.turns)

    def _shape_answer(self, request: Request, tools: Tools, target: Target, *, thinks: bool) -> None:
        schema = structured.schema_of(request.response_format, target)
        if schema is None:
            return
        if structured.is_native(schema, target):
            form = {"type": "json_schema", "schema": structured.strict_schema(schema)}
            self.body.setdefault("output_config", {})["format"] = form
            return
        self.json_mode = True
        alone = not tools.defined
        tools.defined.append(structured.json_tool(schema))
        if tools.choice is None and not thinks and may_be_forced(target):
            tools.choice = {"type": "tool", "name": structured.JSON_TOOL} if alone else {"type": "any"}

    def _add_tools(self, tools: Tools) -> None:
        if tools.defined:
            self.body["tools"] = tools.defined
        if tools.choice is not None:
            self.body["tool_choice"] = tools.choice
        if tools.servers:
            self.body["mcp_servers"] = tools.servers

    def _add_rest(self, request: Request, target: Target) -> None:
        if request.stop is not None and (stops := _stops(request.stop, target)):
            self.body["stop_sequences"] = stops
        if (user := _user(request)) is not None:
            self.body["metadata"] = {"user_id": user}
        if request.service_tier in _TIERS:
            self.body["service_tier"] = _TIERS[request.service_tier]
        elif request.service_tier is not None:
            refuse(target, "service_tier", "it knows auto and default")
        if request.stream:
            self.body["stream"] = True
        self._add_own(request, target)

    def _add_own(self, request: Request, target: Target) -> None:
        """Add what is this upstream's own, and what the configuration lets pass."""
        if request.extra is not None:
            for name, value in request.extra.items():
                own = self.body.get(name)
                self.body[name] = {**value, **own} if isinstance(own, dict) and isinstance(value, dict) else value
        if target.allowed:
            for name in target.allowed.intersection(Request.__struct_fields__) - self.body.keys() - _TAKEN:
                if (value := getattr(request, name)) is not None:
                    self.body[name] = value

    def _betas(self, tools: Tools, turns: list[dict[str, Any]]) -> list[str]:
        betas = set(tools.betas)
        if not _BETAS.keys().isdisjoint(self.body):
            betas.update(_BETAS[name] for name in self.body.keys() & _BETAS.keys())
        for turn in turns:
            for block in turn["content"]:
                if isinstance(source := block.get("source"), dict) and source.get("type") == "file":
                    betas.add(_FILES_BETA)
        return sorted(betas) if betas else []


_TAKEN: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "user",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning_effort",
        "thinking",
        "web_search_options",
        "service_tier",
        "extra",
    }
)
"""Members of the hub that have a place in Anthropic's form, or none anywhere."""


class MessagesOutbound:
    """One request to Anthropic. Raises InvalidRequest or UnsupportedParams for what cannot be said."""

    framing: Framing = "sse"
    suffix: str = SUFFIX

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        message = Message(request, target)
        self._names = message.names
        self._json_mode = message.json_mode
        self._betas = message.betas
        self._target = target
        self.clock = clock
        try:
            self.body = msgspec.json.encode(self._sent(message))
        except UnicodeEncodeError as error:
            raise InvalidRequest("a text of the request holds half a surrogate pair, which is no character") from error

    def _sent(self, message: Message) -> dict[str, Any]:
        """Return what is sent of a request."""
        return message.body

    @property
    def headers(self) -> Iterable[Header]:
        """The beta flags of what the request uses."""
        return ((b"anthropic-beta", ",".join(self._betas).encode()),) if self._betas else ()

    @property
    def plain(self) -> bool:
        """Whether an answer is read as that of any other request."""
        return self._names.kept and not self._json_mode

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return completion_of(body, self._names, self._target, int(self.clock.now()), json_mode=self._json_mode)

    def stream(self) -> Decoder:
        """Begin to read a streamed answer."""
        return Decoder(self._names, self._target, int(self.clock.now()), json_mode=self._json_mode)


def outbound(request: Request, target: Target) -> MessagesOutbound:
    """Write a request."""
    return MessagesOutbound(request, target)


def _user(request: Request) -> str | None:
    """Return whom the request is for, unless that is an address or a number of somebody."""
    named = request.metadata.get("user_id") if isinstance(request.metadata, dict) else None
    users = (user for user in (named, request.user) if isinstance(user, str) and user)
    return next((user for user in users if not _PERSONAL.fullmatch(user)), None)


def _stops(stop: str | list[str], target: Target) -> list[str]:
    given = [stop] if isinstance(stop, str) else stop
    kept = [text for text in given if text.strip()]
    if len(kept) < len(given):
        refuse(target, "stop", "a sequence must hold more than white space")
    return kept
