"""Rules over texts as hooks: a function says of what the model is asked, or of what it answers, whether it may pass."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tianji.gateway.guarding import forms
from tianji.gateway.hooking.registered import HookRefused
from tianji.guardrails.content import Content
from tianji.guardrails.slots.forms import form_of
from tianji.hooks import CustomLogger

Rule = Callable[[str], Any]
"""Takes a text and returns whether it may pass, or {"decision": bool, "message": str}."""


class PreCallRule(CustomLogger):
    """Judges the texts of a request together, before anybody is called."""

    def __init__(self, name: str, rule: Rule) -> None:
        super().__init__()
        self._name = name
        self._rule = rule

    async def async_pre_call_hook(self, data: dict[str, Any], operation: str) -> None:  # type: ignore[override]
        """Refuse the request where the rule says no. Raises HookRefused, and what the rule raises."""
        read = forms.read_request(form_of(operation), msgspec.json.encode(data))
        decide(self._name, self._rule, _text(read.content))


class PostCallRule(CustomLogger):
    """Judges the text of an answer; that of a stream with each of its pieces, as far as it has come."""

    def __init__(self, name: str, rule: Rule) -> None:
        super().__init__()
        self._name = name
        self._rule = rule

    async def async_post_call_success_hook(self, response: Any, operation: str) -> None:  # type: ignore[override]
        """Refuse the answer where the rule says no. Raises HookRefused, and what the rule raises."""
        read = forms.read_answer(form_of(operation), msgspec.json.encode(response))
        decide(self._name, self._rule, _text(read.content))

    async def async_post_call_streaming_hook(self, response: str) -> None:  # type: ignore[override]
        """End the stream where the rule says no."""
        decide(self._name, self._rule, response)


def decide(name: str, rule: Rule, text: str) -> None:
    """Raise HookRefused where a rule lets a text not pass, and what the rule raises."""
    said = rule(text)
    passes = said.get("decision", True) if isinstance(said, Mapping) else said
    if not passes:
        message = said.get("message") if isinstance(said, Mapping) else None
        raise HookRefused(str(message or f"the rule {name} does not let this pass"))


def _text(content: Content) -> str:
    return "\n".join(text.text for text in content.texts)
