"""Which items of OpenAI's Responses API are calls of tools, and what they are called with.

https://platform.openai.com/docs/api-reference/responses/object. Those that the client, or a server of the client's, has
to follow; what the vendor looks up or draws by itself has been done when an answer says so.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.guardrails.content import FUNCTION


class Called(Struct, frozen=True):
    """One type of item. kinds: see ToolCall; members: one of them holds what the tool is called with.

    named: the item says the name of the tool, which else is the first of its kinds
    """

    kinds: tuple[str, ...]
    members: tuple[str, ...]
    named: bool = False

    def name(self, item: Mapping[str, Any]) -> str:
        """Return the name of the tool."""
        return str(item.get("name") or "") if self.named else self.kinds[0]

    def member(self, item: Mapping[str, Any]) -> str:
        """Return the member that holds what it is called with."""
        return next((name for name in self.members if name in item), self.members[0])


CALLED: Final[Mapping[str, Called]] = {
    "function_call": Called(FUNCTION, ("arguments",), named=True),
    "custom_tool_call": Called(("custom", *FUNCTION), ("input",), named=True),
    "mcp_call": Called(("mcp", *FUNCTION), ("arguments",), named=True),
    "mcp_approval_request": Called(("mcp", *FUNCTION), ("arguments",), named=True),
    "shell_call": Called(("shell",), ("action",)),
    "local_shell_call": Called(("local_shell",), ("action",)),
    "apply_patch_call": Called(("apply_patch",), ("operation",)),
    "tool_search_call": Called(("tool_search",), ("arguments",)),
    "computer_call": Called(("computer", "computer_use_preview"), ("action", "actions")),
}


def called(item: Mapping[str, Any]) -> Called | None:
    """Return which call an item is; None for one that is none."""
    kind = item.get("type")
    return CALLED.get(kind) if isinstance(kind, str) else None
