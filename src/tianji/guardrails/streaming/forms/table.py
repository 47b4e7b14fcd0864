"""The forms of streams by the names of their operations."""

from collections.abc import Callable, Mapping
from typing import Final

from tianji.guardrails.streaming.forms.assistants import Assistants
from tianji.guardrails.streaming.forms.chat import Chat
from tianji.guardrails.streaming.forms.form import Form
from tianji.guardrails.streaming.forms.gemini import Gemini
from tianji.guardrails.streaming.forms.live import Live
from tianji.guardrails.streaming.forms.messages import Messages
from tianji.guardrails.streaming.forms.realtime import Realtime
from tianji.guardrails.streaming.forms.responses import Responses
from tianji.guardrails.streaming.forms.unknown import Message, Unknown

_FORMS: Final[Mapping[str, Callable[[], Form]]] = {
    "chat": Chat,
    "completions": Chat,
    "messages": Messages,
    "responses": Responses,
    "transcription": Responses,
    "gemini": Gemini,
    "realtime": Realtime,
    "live": Live,
    "message": Message,
    "assistants": Assistants,
}


def begin(operation: str, *, as_array: bool = False) -> Form:
    """Begin to read a stream of an operation. `as_array`: Google's, that came as JSON and not as events."""
    if operation == "gemini":
        return Gemini(as_array=as_array)
    return _FORMS.get(operation, Unknown)()
