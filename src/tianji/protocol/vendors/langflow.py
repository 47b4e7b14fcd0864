"""Langflow's servers: a flow, which the model names, is run on what the user said last.

https://docs.langflow.org/api-flows-run. A flow keeps its own memory, under the session that a request names.
"""

from typing import Any, Final

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, lacking, unreadable
from tianji.protocol.chat.whole import Said, WholeText, alone
from tianji.protocol.chat.words import words_of
from tianji.protocol.vendors.langgraph import UNSUPPORTED as OF_GRAPHS

UNSUPPORTED: Final = OF_GRAPHS


class _Message(Struct):
    message: str = ""


class _Output(Struct):
    results: Any = None
    messages: list[_Message] = []


class _Run(Struct):
    outputs: list[_Output] = []


class _Answer(Struct):
    outputs: list[_Run]


def outbound(request: Request, target: Target) -> WholeText:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    sent = lacking(alone(request), target, UNSUPPORTED)
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if last is None:
        raise InvalidRequest("messages: a flow is run on what a user said; send a message of one.", param="messages")
    text = words_of(last.content, target.provider)
    members = {"input_value": text, "input_type": "chat", "output_type": "chat", **sent, **(request.extra or {})}

    def read(body: bytes) -> Said:
        found = decoded(body, _Answer, target)
        for run in found.outputs:
            for output in run.outputs:
                if (told := _text(output)) is not None:
                    return Said(told)
        raise unreadable(target, "it has no message", body)

    return WholeText(members, "", target, read)


def _text(output: _Output) -> str | None:
    message = output.results.get("message") if isinstance(output.results, dict) else None
    text = message.get("text") if isinstance(message, dict) else None
    if isinstance(text, str):
        return text
    return output.messages[0].message if output.messages else None
