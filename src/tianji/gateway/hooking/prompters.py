"""Hooks that put prompts of their own into chats which name one."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from tianji._core.requests.asked import Asked
from tianji.gateway.hooking.registered import Method, Registered
from tianji.hooks.roles import PROMPT_HOOKS
from tianji.prompts.applying import MEMBERS, NOTED
from tianji.prompts.naming import Wanted

_OF_REQUESTS = frozenset({"model", "messages", "metadata", "litellm_metadata", "stream", "stream_options"})


class Prompters:
    """Asks them, one after another, until one has the prompt."""

    def __init__(self, registered: Registered) -> None:
        first = registered.of(PROMPT_HOOKS[0])
        named = {hook.name for hook in first}
        self._hooks = (*first, *(hook for hook in registered.of(PROMPT_HOOKS[1]) if hook.name not in named))

    async def put(
        self, asked: Asked, body: Mapping[str, Any], wanted: Wanted, variables: Mapping[str, Any]
    ) -> bytes | None:
        """Return the body with its prompt; None where nobody has it. Raises HookRefused and HookFailed."""
        if asked.operation.name != "chat" or not isinstance(body.get("messages"), list):
            return None
        params = {name: one for name, one in body.items() if name not in _OF_REQUESTS and name not in MEMBERS}
        before = body.get("model"), body["messages"], params
        for hook in self._hooks:
            model, messages, more = copy.deepcopy(before)
            said = await hook({
                "model": model, "messages": messages, "non_default_params": more, "prompt_id": wanted.id,
                "prompt_variables": dict(variables), "prompt_label": wanted.label, "prompt_version": wanted.version,
                "tools": body.get("tools"), "dynamic_callback_params": {}, "litellm_logging_obj": None,
                "prompt_spec": None, "ignore_prompt_manager_model": False,
                "ignore_prompt_manager_optional_params": False,
            })  # fmt: skip
            if isinstance(said, tuple | list) and len(said) == 3 and tuple(said) != before:
                return _written(hook, body, said, wanted, variables)
        return None


def _written(hook: Method, body: Mapping[str, Any], said: Any, wanted: Wanted, variables: Mapping[str, Any]) -> bytes:
    model, messages, params = said
    kept = {name: one for name, one in body.items() if name in _OF_REQUESTS}
    about = body.get("litellm_metadata")
    noted = {"prompt_id": wanted.id, "prompt_variables": dict(variables), "prompt_integration": hook.name}
    made = {
        **kept,
        **dict(params),
        "model": model,
        "messages": messages,
        "litellm_metadata": {**(about if isinstance(about, dict) else {}), NOTED: noted},
    }
    return hook.encoded(lambda: msgspec.json.encode(made))
