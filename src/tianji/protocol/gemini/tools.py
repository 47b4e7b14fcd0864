"""Tools of the hub become Google's: functions that the client runs, and what Google runs itself.

https://ai.google.dev/api/caching#Tool and https://ai.google.dev/api/caching#ToolConfig
"""

from collections.abc import Mapping
from typing import Any

from tianji.errors import InvalidRequest
from tianji.protocol.chat.choices import allowed_in, names_of
from tianji.protocol.chat.request import Request, Tool
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse
from tianji.protocol.gemini import schemas
from tianji.protocol.gemini.models import generation

Json = dict[str, Any]

_MODES: Mapping[str, str] = {"none": "NONE", "auto": "AUTO", "required": "ANY", "any": "ANY", "validated": "VALIDATED"}
_OWN: Mapping[str, str] = {  # Google's tools, by both spellings
    "googleSearch": "googleSearch",
    "google_search": "googleSearch",
    "googleSearchRetrieval": "googleSearchRetrieval",
    "google_search_retrieval": "googleSearchRetrieval",
    "enterpriseWebSearch": "enterpriseWebSearch",
    "enterprise_web_search": "enterpriseWebSearch",
    "googleMaps": "googleMaps",
    "google_maps": "googleMaps",
    "codeExecution": "codeExecution",
    "code_execution": "codeExecution",
    "urlContext": "urlContext",
    "url_context": "urlContext",
    "fileSearch": "fileSearch",
    "file_search": "fileSearch",
    "computerUse": "computerUse",
    "computer_use": "computerUse",
    "retrieval": "retrieval",
}
_ALIKE: tuple[tuple[str, str], ...] = (  # tools of others that do the same, by how their type begins
    ("web_search", "googleSearch"),
    ("web_fetch", "urlContext"),
    ("code_execution", "codeExecution"),
    ("code_interpreter", "codeExecution"),
)


def write_tools(body: Json, request: Request, target: Target) -> None:
    """Set `tools` and `toolConfig` of a body. Raises UnsupportedParams for a tool that Google does not have."""
    functions = [_declaration(tool) for tool in request.tools or [] if tool.function is not None]
    own: Json = {}
    for tool in request.tools or []:
        if tool.function is None:
            own |= _provided(tool, target)
    if request.web_search_options is not None:
        own.setdefault("googleSearch", {})
        if request.web_search_options.get("filters"):
            refuse(target, "web_search_options", "it cannot be kept to some places of the web")
    if functions and own and (generation(target.model) or 3) < 3:
        refuse(target, "tools", "before Gemini 3 tools that Google runs cannot stand beside functions")
        own = {}
    if request.parallel_tool_calls is False and len(functions) > 1:
        refuse(target, "parallel_tool_calls", "calls in parallel cannot be switched off")
    tools = [{name: value} for name, value in own.items()]
    if functions:
        tools.insert(0, {"functionDeclarations": functions})
        calling = _calling(request.tool_choice, target)
        if calling:
            body["toolConfig"] = {"functionCallingConfig": calling}
    if tools:
        body["tools"] = tools


def _declaration(tool: Tool) -> Json:
    function = tool.function
    if function is None or not function.name:
        raise InvalidRequest("A function tool needs a name.", param="tools")
    found: Json = {"name": function.name}
    if function.description:
        found["description"] = function.description
    if function.parameters:
        parameters = schemas.clean(function.parameters)
        if parameters.get("properties"):  # Google refuses an object without any
            found["parameters"] = parameters
    return found


def _provided(tool: Tool, target: Target) -> Json:
    given = tool.provided or {}
    named = {_OWN[name]: value for name, value in given.items() if name in _OWN and isinstance(value, dict)}
    if named:
        return named
    if tool.type in _OWN:
        return {_OWN[tool.type]: {}}
    for beginning, name in _ALIKE:
        if tool.type.startswith(beginning):
            return {name: {}}
    refuse(target, "tools", f"it has no tool of type {tool.type!r}")
    return {}


def _calling(choice: str | Json | None, target: Target) -> Json | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        mode = _MODES.get(choice)
        if mode is None:
            raise InvalidRequest(f"tool_choice {choice!r} is unknown: use none, auto or required.", param="tool_choice")
        return {"mode": mode}
    kind = choice.get("type")
    function = choice.get("function")
    if kind == "function" and isinstance(function, dict) and isinstance(name := function.get("name"), str):
        return {"mode": "ANY", "allowedFunctionNames": [name]}
    if (allowed := allowed_in(choice)) is not None:
        names = list(names_of(allowed))
        # a list of names goes with ANY and VALIDATED only; the latter leaves the choice to the model
        return {"mode": "ANY" if allowed.get("mode") == "required" else "VALIDATED", "allowedFunctionNames": names}
    if isinstance(kind, str) and kind in _MODES:
        return {"mode": _MODES[kind]}
    refuse(target, "tool_choice", f"it cannot be made to use a tool of type {kind!r}")
    return None
