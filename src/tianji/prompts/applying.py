"""What a request becomes with the prompt that it names."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tianji.errors import InvalidRequest
from tianji.prompts.library import Found
from tianji.prompts.naming import Wanted
from tianji.prompts.template import Filled, Message, Variables

MEMBERS: Final = ("prompt_id", "prompt_variables", "prompt_version", "prompt_label", "prompt_environment")
NOTED: Final = "prompt_management_metadata"
"""Where callbacks are told of the prompt, in the request's `litellm_metadata`."""
_OF_RESPONSES: Final = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
_SYSTEM: Final = frozenset({"system", "developer"})

Body = dict[str, Any]


def _chat(body: Body, messages: list[Message]) -> None:
    body["messages"] = [*messages, *_list(body, "messages")]


def _responses(body: Body, messages: list[Message]) -> None:
    said = body.get("input", [])
    items = [{"role": "user", "content": said}] if isinstance(said, str) else _list(body, "input")
    body["input"] = [*messages, *items]


def _messages(body: Body, messages: list[Message]) -> None:
    """Anthropic's form: what the system says stands apart."""
    system = [_text(one) for one in messages if one.get("role") in _SYSTEM]
    own = body.get("system")
    blocks = [{"type": "text", "text": own}] if isinstance(own, str) else _list(body, "system")
    if system:
        body["system"] = [*({"type": "text", "text": text} for text in system), *blocks]
    body["messages"] = [*(one for one in messages if one.get("role") not in _SYSTEM), *_list(body, "messages")]


def _completions(body: Body, messages: list[Message]) -> None:
    own = body.get("prompt")
    body["prompt"] = "\n".join([*map(_text, messages), *([own] if isinstance(own, str) and own else [])])


PLACED: Final[Mapping[str, Callable[[Body, list[Message]], None]]] = {
    "chat": _chat,
    "completions": _completions,
    "messages": _messages,
    "responses": _responses,
}
"""How each operation takes messages; others take no prompt."""


def applied(operation: str, body: Body, found: Found, filled: Filled, wanted: Wanted, variables: Variables) -> bytes:
    """Return the body of a request with its prompt: the prompt's messages first, its model and parameters instead."""
    made = {name: value for name, value in body.items() if name not in MEMBERS}
    PLACED[operation](made, filled.messages)
    if filled.model is not None and not found.keeps_model:
        made["model"] = filled.model
    names = _OF_RESPONSES if operation == "responses" else {}
    params = {names.get(name, name): value for name, value in filled.params.items()}
    made |= {name: value for name, value in params.items() if not (found.keeps_params and name in body)}
    about = made.get("litellm_metadata")
    noted: dict[str, Any] = {"prompt_id": wanted.id, "prompt_variables": variables, "prompt_integration": found.source}
    if wanted.version is not None:
        noted["prompt_version"] = wanted.version
    made["litellm_metadata"] = {**(about if isinstance(about, dict) else {}), NOTED: noted}
    return msgspec.json.encode(made)


def _list(body: Body, member: str) -> list[Any]:
    found = body.get(member)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidRequest(f"`{member}` must be a list", param=member)
    return found


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
