"""How a deployment's model wants a conversation to be: `supports_system_message`, `ensure_alternating_roles`.

https://docs.litellm.ai/docs/completion/message_sanitization and https://docs.litellm.ai/docs/completion/input have the
settings. Templates of chat of some models refuse what these change.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.errors import ConfigurationError
from tianji.providers.steps.step import Step
from tianji.providers.upstream import Body

_ON: Final = frozenset({"messages"})
_SYSTEM: Final = frozenset({"system", "developer"})
_CONTINUE: Final = "Please continue."
Message = dict[str, Any]


def arranging(params: Mapping[str, object]) -> tuple[Step, ...]:
    """Return the steps that a deployment's params ask for. Raises ConfigurationError for a message that is none."""
    steps = (Step(_without_system, _ON),) if _is(params, "supports_system_message", False) else ()
    if not _is(params, "ensure_alternating_roles", True):
        return steps
    user = _message(params, "user_continue_message", "user")
    assistant = _message(params, "assistant_continue_message", "assistant")

    def alternate(body: Body) -> None:
        if (found := _all(body)) is not None:
            body["messages"] = _alternating(found, user, assistant)

    return (*steps, Step(alternate, _ON))


def _is(params: Mapping[str, object], name: str, wanted: bool) -> bool:
    written = params.get(name)
    if written is None or isinstance(written, bool):
        return written is wanted
    if isinstance(written, str) and written.lower() in ("true", "false"):
        return (written.lower() == "true") is wanted
    raise ConfigurationError(f"{name} must be true or false, not {written!r}")


def _message(params: Mapping[str, object], name: str, role: str) -> Message:
    written = params.get(name) or _CONTINUE
    if isinstance(written, str):
        return {"role": role, "content": written}
    if not isinstance(written, Mapping) or not written.get("content"):
        raise ConfigurationError(f"{name} must be a text, or a message with `content`")
    return {**written, "role": role}


def _all(body: Body) -> list[Message] | None:
    """Return the messages; None where that is no list of objects, which somebody else judges."""
    found = body.get("messages")
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _without_system(body: Body) -> None:
    """Say what system messages say in the message that follows, or as the user where none can take it."""
    found = _all(body)
    if found is None:
        return
    said: list[Message] = []
    for at, message in enumerate(found):
        following = found[at + 1] if at + 1 < len(found) else {}
        if message.get("role") not in _SYSTEM:
            said.append(message)
        elif following.get("role") in ("user", "assistant"):
            following["content"] = _joined(message.get("content"), following.get("content"))
        else:
            said.append({**message, "role": "user"})
    body["messages"] = said


def _joined(first: Any, second: Any) -> Any:
    """Return two contents as one: a text where both are, else their parts."""
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first} {second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _alternating(found: list[Message], user: Message, assistant: Message) -> list[Message]:
    """Return messages in which users and assistants take turns; calls of tools and their results count for none."""
    said: list[Message] = []
    last = ""
    for message in found:
        role = message.get("role")
        counts = role == "user" or (role == "assistant" and not message.get("tool_calls"))
        follows = bool(said) and said[-1].get("role") == "assistant"  # calls that nobody has answered
        if role == "assistant" and (not said or (counts and (last == role or follows))):
            said.append(dict(user))
        elif role == "user" and last == role:
            said.append(dict(assistant))
        said.append(message)
        last = str(role) if counts else last
    if said and said[-1].get("role") == "assistant":
        said.append(dict(user))
    return said
