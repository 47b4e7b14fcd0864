"""OpenAI's assistants, their threads and runs (https://platform.openai.com/docs/api-reference/assistants)."""

from typing import Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.chat import beside
from tianji.guardrails.slots.document import CallPlace, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, OPAQUE, Sheet, Voice, call_of, listed, tools_of
from tianji.guardrails.slots.texts import Json, Path

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_MESSAGES: Final = ("messages", "additional_messages")
_STEERING: Final = frozenset(
    {"role", "assistant_id", "tool_resources", "truncation_strategy", "max_prompt_tokens", "attachments"}
)
_READ: Final = frozenset({*_MESSAGES, "thread", "content", "tool_outputs"})
_OF_THREADS: Final = frozenset({*_MESSAGES, "metadata", "tool_resources"})
_BESIDE_WORDS: Final = frozenset({"role", "metadata", "attachments"})
AROUND: Final = frozenset({"metadata", "attachments", "model", "instructions", "tools", "tool_resources"})
"""Members of what is answered that nobody has said, or that the client has: an assistant's own instructions."""
HOLDERS: Final = {"required_action": "submit_tool_outputs", "step_details": ""}
"""Members that hold calls, and where in them."""
NAMES: Final = OPAQUE | {
    "assistant_id", "thread_id", "run_id", "step_id", "message_id", "vector_store_id", "first_id", "last_id",
    "response_format", "tool_choice", "truncation_strategy", "code", "name",
}  # fmt: skip
"""Members that are no text."""


def request(sheet: Sheet, body: Json) -> None:
    """Read what an assistant, a thread, a message or a run is made with, or what tools have made of a run's calls."""
    for name in ("tools", "response_format"):
        sheet.described(body.get(name), (name,))
    beside(sheet, body, _STEERING | _READ)  # the instructions
    thread = body.get("thread")
    if isinstance(thread, dict):
        own = {name: value for name, value in thread.items() if name not in _OF_THREADS}
        sheet.said(own, ("thread",), _SYSTEM)
        _messages(sheet, thread, ("thread",))
    else:
        sheet.said(thread, ("thread",), _SYSTEM)
    _messages(sheet, body, ())
    _each(sheet, body.get("tool_outputs"), ("tool_outputs",), Voice("tool", Kind.TOOL_RESULT))
    sheet.said({"content": body.get("content")}, (), _voice(body, 0))
    if "tools" in body:
        sheet.declared(Tools(("tools",), tools_of(body["tools"], dict), dict))


def response(sheet: Sheet, body: Json) -> None:
    """Read what an assistant has said: messages, and the calls of a run or its steps; one, or a list of them."""
    listing = body.get("object") == "list" and isinstance(body.get("data"), list)
    for number, one in enumerate(body["data"] if listing else [body]):
        path: Path = ("data", number) if listing else ()
        if isinstance(one, dict) and not (one.get("object") == "thread.message" and one.get("role") == "user"):
            _read(sheet, one, path, number)


def _read(sheet: Sheet, one: Json, path: Path, number: int) -> None:
    voice = Voice("assistant", message=number)
    own = {name: value for name, value in one.items() if name not in AROUND and name not in HOLDERS}
    sheet.said(own, path, voice, NAMES)
    for holder, inner in HOLDERS.items():
        held = one.get(holder)
        if not isinstance(held, dict):
            sheet.said(held, (*path, holder), voice, NAMES)
            continue
        at: Path = (*path, holder)
        if inner and isinstance(held.get(inner), dict):
            at, held = (*at, inner), held[inner]
        for place, call in enumerate(listed(held.get("tool_calls"))):
            _call(sheet, call, (*at, "tool_calls", place), voice)
        sheet.said({name: value for name, value in held.items() if name != "tool_calls"}, at, voice, NAMES)


def _call(sheet: Sheet, call: object, path: Path, voice: Voice) -> None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        sheet.said(call, path, voice, NAMES)
        return
    made = call_of(function.get("name"), function.get("arguments"), call.get("id"), voice.message)
    at: Path = (*path, "function")
    sheet.call(made, CallPlace(path, (*at, "name"), (*at, "arguments"), string=True, calls=NO_CALLS))
    sheet.said(function.get("output"), (*at, "output"), Voice("tool", Kind.TOOL_RESULT, voice.message))


def _messages(sheet: Sheet, holder: Json, path: Path) -> None:
    for name in _MESSAGES:
        _each(sheet, holder.get(name), (*path, name), None)


def _each(sheet: Sheet, found: object, path: Path, voice: Voice | None) -> None:
    """Read messages or what tools gave, one by one; `voice`: whose all of them are, None where each says it."""
    for number, one in enumerate(found) if isinstance(found, list) else ((None, found),):
        place: Path = path if number is None else (*path, number)
        if isinstance(one, dict):
            said = {name: value for name, value in one.items() if name not in _BESIDE_WORDS}
            sheet.said(said, place, voice or _voice(one, number or 0))
        else:
            sheet.said(one, place, voice or Voice(message=number or 0))


def _voice(message: Json, number: int) -> Voice:
    role = message.get("role")
    return Voice(role if isinstance(role, str) else "user", message=number)
