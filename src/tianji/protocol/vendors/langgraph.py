"""LangGraph's servers: a run without a thread, which is waited for; the model names the assistant.

https://langchain-ai.github.io/langgraph/cloud/reference/api/api_ref.html#tag/stateless-runs/POST/runs/wait
"""

from typing import Any, Final

from msgspec import Struct

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, lacking, unreadable
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.chat.whole import TALKS_ONLY, Said, WholeText, alone
from tianji.protocol.chat.words import words_of
from tianji.protocol.loose import list_of

UNSUPPORTED: Final = TALKS_ONLY | {
    "n",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
}
_SPOKEN: Final = frozenset({"ai", "AIMessage", "assistant"})


class _Message(Struct):
    type: str = ""
    content: Any = None


class _State(Struct):
    messages: list[_Message]


def outbound(request: Request, target: Target) -> WholeText:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    sent = lacking(alone(request), target, UNSUPPORTED)
    messages = [
        {"role": speaker_of(message, at), "content": words_of(message.content, target.provider)}
        for at, message in enumerate(request.messages)
    ]
    members = {"assistant_id": target.model, "input": {"messages": messages, **sent}, **(request.extra or {})}

    def read(body: bytes) -> Said:
        found = decoded(body, _State, target)
        last = next((message for message in reversed(found.messages) if message.type in _SPOKEN), None)
        if last is None:
            raise unreadable(target, "its state has no message of an assistant", body)
        return Said(_text(last.content))

    return WholeText(members, "/runs/wait", target, read)


def _text(content: Any) -> str:
    """Return the words of a message, whose content may be a list of parts."""
    if isinstance(content, str):
        return content
    found = (part.get("text") if isinstance(part, dict) else part for part in list_of(content))
    return "".join(text for text in found if isinstance(text, str))
