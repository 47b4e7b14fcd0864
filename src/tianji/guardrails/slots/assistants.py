"""OpenAI's assistants, their threads and runs (https://platform.openai.com/docs/api-reference/assistants)."""

from typing import Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.chat import beside
from tianji.guardrails.slots.document import Tools
from tianji.guardrails.slots.sheet import Sheet, Voice, tools_of
from tianji.guardrails.slots.texts import Json, Path

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_MESSAGES: Final = ("messages", "additional_messages")
_STEERING: Final = frozenset(
    {"role", "assistant_id", "tool_resources", "truncation_strategy", "max_prompt_tokens", "attachments"}
)
_READ: Final = frozenset({*_MESSAGES, "thread", "content", "tool_outputs"})
_OF_THREADS: Final = frozenset({*_MESSAGES, "metadata", "tool_resources"})
_BESIDE_WORDS: Final = frozenset({"role", "metadata", "attachments"})


def request(sheet: Sheet, body: Json) -> None:
    """Read what an assistant, a thread, a message or a run is made with, or what tools have made of a run's calls."""
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
