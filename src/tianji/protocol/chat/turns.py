"""Who speaks in a conversation, for upstreams that know fewer roles than the hub and want their turns merged."""

from typing import Any, Final, Literal

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Message

Speaker = Literal["system", "user", "assistant", "tool"]
_SPEAKERS: Final[dict[str, Speaker]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def speaker_of(message: Message, at: int) -> Speaker:
    """Return who says a message: `developer` is the system and `function` a tool, by their older or newer names.

    Raises InvalidRequest that names the message by its place `at` for a role there is not.
    """
    speaker = _SPEAKERS.get(message.role)
    if speaker is None:
        where = f"messages.{at}.role"
        raise InvalidRequest(
            f"{where}: {message.role!r} is no role; use system, developer, user, assistant or tool.", param=where
        )
    return speaker


def is_failure(message: Message) -> bool:
    """Tell whether a tool failed, which clients of some dialects say beside what it told."""
    return (message.provider_specific_fields or {}).get("is_error") is True


def says_nothing(message: Message) -> bool:
    """Tell whether an assistant neither said nor called anything, as clients write down what was cut off at once."""
    return message.role == "assistant" and not (message.content or message.tool_calls or message.refusal)


def add_turn(turns: list[dict[str, Any]], role: str, pieces: list[dict[str, Any]], member: str = "content") -> None:
    """Append to the last turn if it is of the same role, else begin the next; what says nothing is no turn.

    `member` is the name under which the upstream keeps the pieces of a turn.
    """
    if not pieces:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1][member].extend(pieces)
    else:
        turns.append({"role": role, member: pieces})
