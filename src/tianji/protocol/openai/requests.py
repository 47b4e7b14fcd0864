"""A chat request from bytes to the hub and back (https://platform.openai.com/docs/api-reference/chat/create)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.chat.request import Function, Request, Tool
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse

_MEMBERS: Final = frozenset(Request.__struct_fields__) - {"extra"}
_OWN_TOOLS: Final = frozenset({"function", "custom"})
_REQUEST: Final = msgspec.json.Decoder(Request)
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()


def read_request(body: bytes) -> Request:
    """Decode a request. Members without a place in the hub go to `extra`, old ones to their successors' place.

    Raises MalformedJSON for what is no JSON, InvalidRequest naming the member that has the wrong type.
    """
    try:
        request = _REQUEST.decode(body)
        raw = _RAW.decode(body)
    except msgspec.ValidationError as error:
        raise mistyped(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not valid JSON: {error}") from None
    request.extra = None
    if not _MEMBERS.issuperset(raw):
        extra = {name: msgspec.json.decode(value) for name, value in raw.items() if name not in _MEMBERS}
        _modernize(request, extra)
        request.extra = extra or None
    if request.tools is not None and any(map(_is_provided, request.tools)):
        _keep_provided(request.tools, msgspec.json.decode(raw["tools"]))
    return request


def write_request(request: Request) -> bytes:
    """Encode a request in OpenAI's form."""
    provided = request.tools is not None and any(tool.provided is not None for tool in request.tools)
    if request.extra is None and not provided:
        return _ENCODER.encode(request)
    members: dict[str, Any] = msgspec.to_builtins(request)
    members.update(members.pop("extra", None) or {})
    if request.tools is not None:
        members["tools"] = [tool.provided or tool for tool in request.tools]
    return _ENCODER.encode(members)


def forget_private(request: Request, target: Target) -> None:
    """Take out what stands beside OpenAI's form in messages and their calls, which strict upstreams refuse.

    Raises InvalidRequest for a file that is somewhere else and UnsupportedParams for a search in some places of the
    web, for which the form has no place.
    """
    if request.web_search_options is not None and request.web_search_options.pop("filters", None):
        refuse(target, "web_search_options", "it cannot be kept to some places of the web")
    for message in request.messages:
        if isinstance(message.content, list) and any(part.type == "document" for part in message.content):
            raise InvalidRequest(
                "A message names a file by its address, from which this model's provider fetches none: send its data, "
                "or the id of a file that was uploaded.",
                param="messages",
            )
        message.provider_specific_fields = None
        for call in message.tool_calls or ():
            call.provider_specific_fields = None


def _keep_provided(tools: list[Tool], raw: list[dict[str, Any]]) -> None:
    for tool, written in zip(tools, raw, strict=True):
        if _is_provided(tool):
            tool.provided = written


def _is_provided(tool: Tool) -> bool:
    """Tell whether a provider runs a tool itself; such a one may have no type, as Google's."""
    return tool.type not in _OWN_TOOLS or (tool.function is None and tool.custom is None)


def _modernize(request: Request, extra: dict[str, Any]) -> None:
    """Put `functions` and `function_call`, which OpenAI replaced, into `tools` and `tool_choice`."""
    functions = extra.pop("functions", None)
    if functions and request.tools is None:
        try:
            request.tools = [Tool(function=function) for function in msgspec.convert(functions, list[Function])]
        except msgspec.ValidationError as error:
            raise mistyped(str(error), "functions") from None
    choice = extra.pop("function_call", None)
    if choice is not None and request.tool_choice is None:
        named = isinstance(choice, Mapping) and choice.get("name")
        request.tool_choice = {"type": "function", "function": {"name": named}} if named else choice


def mistyped(said: str, place: str = "") -> InvalidRequest:
    """Make the error of a value that does not fit. `said` is msgspec's: `Expected ..., got ... - at `$.a[0].b``."""
    what, _, path = said.partition(" - at `$")
    inner = path.rstrip("`").replace("[", ".").replace("]", "").lstrip(".")
    where = ".".join(filter(None, (place, inner)))
    if not where:
        missing = what.rpartition("required field `")[2].rstrip("`") if "required field" in what else ""
        return InvalidRequest(what, param=missing or None, code="invalid_type")
    return InvalidRequest(f"Invalid value for '{where}': {what}.", param=where, code="invalid_type")
