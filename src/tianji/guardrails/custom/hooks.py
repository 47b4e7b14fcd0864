"""A class of the operator's own as LiteLLM's proxy would call it: what its hooks are given, and what came of them.

`apply_guardrail` goes before the others where a class has it. Whoever raises HTTPException, GuardrailRaisedException,
ValueError or a plain Exception refuses; any other error is a failure of the code.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.guardrails.custom.channel import Document
from tianji.hooks.calling import called
from tianji.hooks.standins import (
    Choices,
    DualCache,
    GuardrailRaisedException,
    HTTPException,
    Message,
    ModelResponse,
    Node,
    UserAPIKeyAuth,
)

ALLOW: Final[Document] = {"action": "allow"}
_REFUSALS: Final = (ValueError, HTTPException, GuardrailRaisedException)
_PARTS: Final = ("text", "input_text", "output_text")


class Hooks:
    """One object of the class."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._cache = DualCache()

    async def judge(self, asked: Document) -> Document:
        """Ask the hook that the occasion is for; a class that lacks it lets pass. Raises what its code raises."""
        try:
            if hasattr(self._target, "apply_guardrail"):
                return await self._applied(asked)
            if asked["input_type"] == "response":
                return await self._after(asked)
            return await self._before(asked)
        except _REFUSALS as error:
            return _refusal(error)
        except Exception as error:
            if type(error) is Exception:
                return _refusal(error)
            raise

    async def _applied(self, asked: Document) -> Document:
        given = {
            "inputs": asked["inputs"],
            "request_data": Node(asked["request_data"]),
            "input_type": asked["input_type"],
            "logging_obj": None,
        }
        said = await called(self._target.apply_guardrail, given)
        if not isinstance(said, Mapping):
            return ALLOW
        return {"action": "modify", "texts": said.get("texts"), "tool_calls": said.get("tool_calls")}

    async def _before(self, asked: Document) -> Document:
        during = asked["hook"] == "during_call"
        hook = getattr(self._target, "async_moderation_hook" if during else "async_pre_call_hook", None)
        if hook is None:
            return ALLOW
        data = _data(asked)
        given = {"user_api_key_dict": _caller(asked), "cache": self._cache, "data": data, "call_type": "completion"}
        said = await called(hook, given)
        if isinstance(said, BaseException):
            return _refusal(said)
        if isinstance(said, str):
            return {"action": "answer", "reason": said}
        changed = said if isinstance(said, Mapping) else data
        return {"action": "modify", "texts": _read(changed.get("messages"), asked["places"])}

    async def _after(self, asked: Document) -> Document:
        hook = getattr(self._target, "async_post_call_success_hook", None)
        if hook is None:
            return ALLOW
        response = _response(asked)
        given = {"data": _data(asked), "user_api_key_dict": _caller(asked), "response": response}
        said = await called(hook, given)
        changed = said if isinstance(said, Mapping) else response
        messages = [choice.get("message") for choice in changed.get("choices") or ()]
        return {"action": "modify", "texts": _read(messages, asked["places"])}


def _refusal(error: BaseException) -> Document:
    detail = getattr(error, "detail", None)
    reason = detail.get("error") if isinstance(detail, Mapping) else detail
    return {
        "action": "block",
        "reason": str(reason or error) or type(error).__name__,
        "detail": {str(name): value for name, value in detail.items()} if isinstance(detail, Mapping) else None,
    }


def _data(asked: Document) -> Node:
    return Node(asked["request_data"], messages=[Node(message) for message in asked["inputs"]["structured_messages"]])


def _caller(asked: Document) -> UserAPIKeyAuth:
    return UserAPIKeyAuth(asked["caller"])


def _response(asked: Document) -> ModelResponse:
    messages = asked["inputs"]["structured_messages"]
    choices = [
        Choices(index=index, finish_reason="stop", message=Message(message)) for index, message in enumerate(messages)
    ]
    return ModelResponse(model=asked["request_data"].get("model"), object="chat.completion", choices=choices)


def _read(messages: Any, places: list[list[int]]) -> list[str]:
    """Return the texts where they were. Raises LookupError or TypeError where one is gone."""
    texts: list[str] = []
    for message, part in places:
        content = messages[message]["content"]
        if not isinstance(content, str):
            kept = [piece for piece in content if piece.get("type") in _PARTS]
            content = kept[part]["text"]
        if not isinstance(content, str):
            raise TypeError("a text became something else")
        texts.append(content)
    return texts
