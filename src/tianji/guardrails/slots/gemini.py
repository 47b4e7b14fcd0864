"""Google's generateContent, its stream and embedContent (https://ai.google.dev/api/generate-content).

Members have two spellings there, `systemInstruction` and `system_instruction`.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.document import CallPlace, Choice, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, OPAQUE, Sheet, Voice, call_of, listed, tools_of
from tianji.guardrails.slots.texts import Json, Path, encoded

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_INSTRUCTIONS: Final = ("systemInstruction", "system_instruction")
_DECLARED: Final = ("functionDeclarations", "function_declarations")
_CHOOSING: Final = (
    ("toolConfig", "functionCallingConfig", "allowedFunctionNames"),
    ("tool_config", "function_calling_config", "allowed_function_names"),
)
_ROLES: Final = {"model": "assistant", "function": "tool"}
_SETTINGS: Final = frozenset(
    {
        "model", "tools", "toolConfig", "tool_config", "generationConfig", "generation_config", "safetySettings",
        "safety_settings", "cachedContent", "cached_content", "labels", "taskType", "task_type", "store", "serviceTier",
        "outputDimensionality", "output_dimensionality", "guardrails", "guardrail_config", "metadata", "tags",
    }
)  # fmt: skip
NAMES: Final = OPAQUE | {"fileUri", "file_uri"}
"""Members that are no text."""
_OF_CANDIDATES: Final = frozenset({"logprobsResult", "finishReason", "finish_reason", "index"})
_FEEDBACK: Final = NAMES | {"blockReason", "safetyRatings"}


def request(sheet: Sheet, body: Json, path: Path = ()) -> None:
    """Read what a model is asked, which stands at `path`."""
    for name in ("tools", "generationConfig", "generation_config"):
        sheet.described(body.get(name), (*path, name))
    for name, value in body.items():
        at: Path = (*path, name)
        if name in _SETTINGS:
            continue
        if name in ("contents", "content"):
            contents(sheet, value, at)
        elif name == "requests":
            for number, inner in enumerate(listed(value)):
                if isinstance(inner, dict):
                    _content(sheet, inner.get("content"), (*at, number, "content"), Voice(message=number))
                    sheet.said(inner.get("title"), (*at, number, "title"), Voice(message=number))
        else:
            sheet.said(value, at, _SYSTEM, NAMES)
    _tools(sheet, body, path)


def contents(sheet: Sheet, value: object, path: Path) -> None:
    """Read one content, or a list of them."""
    for number, content in enumerate(value if isinstance(value, list) else [value]):
        _content(sheet, content, (*path, number) if isinstance(value, list) else path, Voice(message=number))


def response(sheet: Sheet, body: Json | list[Any]) -> None:
    """Read what a model has answered, or all pieces of it."""
    if isinstance(body, list):
        for number, piece in enumerate(body):
            if isinstance(piece, dict):
                answer(sheet, piece, (number,))
    else:
        answer(sheet, body, ())


def answer(sheet: Sheet, body: Json, path: Path) -> None:
    """Read one answer that stands at `path`."""
    if not isinstance(body.get("candidates"), list):
        sheet.said(body.get("candidates"), (*path, "candidates"), Voice("assistant"), NAMES)
    for number, candidate in enumerate(listed(body.get("candidates"))):
        at: Path = (*path, "candidates", number)
        if not isinstance(candidate, dict):
            continue
        echo: Path = (*at, "logprobsResult") if candidate.get("logprobsResult") else ()
        voice = Voice("assistant", message=number, echo=echo)
        for name, value in candidate.items():
            if name == "content":
                _content(sheet, value, (*at, name), voice)
            elif name not in _OF_CANDIDATES:
                sheet.said(value, (*at, name), voice, NAMES)
    sheet.said(body.get("promptFeedback"), (*path, "promptFeedback"), Voice("assistant"), _FEEDBACK)


def advise(body: Json, instructions: str) -> tuple[str, bytes]:
    """Return the system's parts with another one before them."""
    name = _INSTRUCTIONS[1] if _INSTRUCTIONS[1] in body else _INSTRUCTIONS[0]
    own = body.get(name)
    parts = own.get("parts") if isinstance(own, dict) else None
    if isinstance(own, str):
        parts = [{"text": own}]
    elif isinstance(parts, dict):
        parts = [parts]
    return name, encoded({"parts": [{"text": instructions}, *(parts or [])]})


def _content(sheet: Sheet, content: object, path: Path, voice: Voice) -> None:
    if not isinstance(content, dict):
        sheet.said(content, path, voice, NAMES)
        return
    role = content.get("role")
    if isinstance(role, str):
        role = _ROLES.get(role, role)
        voice = Voice(role, Kind.INSTRUCTIONS if role == "system" else Kind.SAID, voice.message, voice.echo)
    for name, value in content.items():
        if name != "parts":
            sheet.said({name: value}, path, voice, NAMES)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                _part(sheet, part, (*path, name, number), voice)
        else:
            _part(sheet, value, (*path, name), voice)


def _part(sheet: Sheet, part: object, path: Path, voice: Voice) -> None:
    if not isinstance(part, dict):
        sheet.said(part, path, voice, NAMES)
        return
    for name, value in part.items():
        at: Path = (*path, name)
        if name in ("functionCall", "function_call") and isinstance(value, dict):
            call = call_of(value.get("name"), value.get("args"), value.get("id"), voice.message)
            place = CallPlace(path, (*at, "name"), (*at, "args"), isinstance(value.get("args"), str), NO_CALLS)
            sheet.call(call, place, value.get("args"))
        elif name in ("functionResponse", "function_response") and isinstance(value, dict):
            said = {key: inner for key, inner in value.items() if key != "name"}
            sheet.said(said, at, Voice("tool", Kind.TOOL_RESULT, voice.message), NAMES)
        elif name in ("inlineData", "inline_data") and isinstance(value, dict):
            media = value.get("mimeType") or value.get("mime_type")
            sheet.data(media, value.get("data"), (*at, "data"), voice)
        elif name in ("fileData", "file_data") and isinstance(value, dict):
            sheet.file(value.get("fileUri") or value.get("file_uri"))
        else:
            sheet.said({name: value}, path, voice, NAMES)


def _tools(sheet: Sheet, body: Json, path: Path) -> None:
    paths: list[Path] = []
    declared: list[tuple[Mapping[str, Any], Any]] = []
    for number, tool in enumerate(listed(body.get("tools"))):
        for name in _DECLARED if isinstance(tool, dict) else ():
            if found := tools_of(tool.get(name), _function):
                paths.append((*path, "tools", number, name))
                declared += found
    if paths:
        sheet.declared(Tools(paths[0], tuple(declared), _declaration, tuple(paths[1:]), _choice(body, path)))


def _choice(body: Json, path: Path) -> Choice:
    """Return which functions a request wants called."""
    for holder, inner, names in _CHOOSING:
        settings = body.get(holder)
        chosen = settings.get(inner) if isinstance(settings, dict) else None
        if isinstance(chosen, dict):
            allowed = frozenset(name for name in listed(chosen.get(names)) if isinstance(name, str))
            return Choice((*path, holder, inner), allowed, b'{"mode":"NONE"}')
    return Choice()


def _function(declaration: Mapping[str, Any]) -> Json:
    schema = declaration.get("parameters", declaration.get("parametersJsonSchema"))
    function = {"name": declaration.get("name"), "description": declaration.get("description", "")}
    if schema is not None:
        function["parameters"] = schema
    return {"type": "function", "function": function}


def _declaration(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    found = {name: function[name] for name in ("name", "description") if name in function}
    return found | {"parametersJsonSchema": function["parameters"]} if "parameters" in function else found
