"""Anthropic's Messages.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool says what their own search shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tianji.searching.interception import (
    DESCRIPTION,
    FUNCTION,
    PARAMETERS,
    Answered,
    Asked,
    asked,
    has_search,
    summed,
    swap,
)

_FUNCTION: Final = {"name": FUNCTION, "description": DESCRIPTION, "input_schema": PARAMETERS}
_CHOICE: Final = {"type": "tool", "name": FUNCTION}
_NAME: Final = "web_search"


class Messages:
    """See Form."""

    def prepare(self, body: dict[str, Any]) -> bool:
        """Put the function in the place of a search tool."""
        tools = body["tools"]
        names = {tool.get("name") for tool in tools if has_search([tool])}
        native = swap(body, _FUNCTION)
        choice = body.get("tool_choice")
        if isinstance(choice, Mapping) and choice.get("type") == "tool" and choice.get("name") in names:
            body["tool_choice"] = _CHOICE
        body["messages"] = [_without_ours(message) for message in body["messages"]]
        return native

    def calls(self, answer: Mapping[str, Any]) -> list[Asked]:
        """Return the calls of the function."""
        found: list[Asked] = []
        for block in answer["content"]:
            if block.get("type") == "tool_use":
                found += asked(block.get("name"), block.get("id"), block.get("input"))
        return found

    def proceed(
        self, body: dict[str, Any], answer: Mapping[str, Any], found: Sequence[Answered], *, last: bool
    ) -> None:
        """Add what the model said and thought, its calls of other tools left out, and what was found."""
        said = [
            block for block in answer["content"] if block.get("type") != "tool_use" or block.get("name") == FUNCTION
        ]
        results = [
            {"type": "tool_result", "tool_use_id": one.asked.id, "content": one.text}
            | ({"is_error": True} if one.error else {})
            for one in found
        ]
        body["messages"] = [
            *body["messages"],
            {"role": "assistant", "content": said},
            {"role": "user", "content": results},
        ]
        if last:
            body["tool_choice"] = {"type": "none"}
        elif isinstance(body.get("tool_choice"), Mapping) and body["tool_choice"].get("type") in ("any", "tool"):
            body["tool_choice"] = {"type": "auto"}

    def finish(self, answer: dict[str, Any], found: Sequence[Answered], *, native: bool) -> None:
        """Show each search before what the model says of it."""
        if not native:
            return
        answer["content"] = [*(block for one in found for block in _shown(one)), *answer["content"]]
        usage = answer.setdefault("usage", {})
        made = sum(len(one.asked.queries) for one in found if not one.error)
        usage["server_tool_use"] = summed(usage.get("server_tool_use"), {"web_search_requests": made})

    def add_usage(self, answer: dict[str, Any], earlier: Mapping[str, Any]) -> None:
        """Add what an earlier answer used."""
        if "usage" in earlier:
            answer["usage"] = summed(answer.get("usage"), earlier["usage"])


def _without_ours(message: Any) -> Any:
    """Return a turn without the searches that were shown before by us, which no provider can read."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        return message
    ours = {block.get("tool_use_id") for block in content if isinstance(block, Mapping) and _is_ours(block)}
    kept = [
        block
        for block in content
        if not isinstance(block, Mapping) or not {block.get("tool_use_id"), block.get("id")} & ours
    ]
    return message if len(kept) == len(content) or not kept else {**message, "content": kept}


def _is_ours(block: Mapping[str, Any]) -> bool:
    found = block.get("content")
    if block.get("type") != "web_search_tool_result":
        return False
    return not isinstance(found, list) or all(
        isinstance(one, Mapping) and not one.get("encrypted_content") for one in found
    )


def _shown(one: Answered) -> Iterator[dict[str, Any]]:
    name = f"srvtoolu_{one.asked.id.removeprefix('toolu_').removeprefix('call_')}"
    query = one.asked.queries[0] if one.asked.queries else ""
    yield {"type": "server_tool_use", "id": name, "name": _NAME, "input": {"query": query}}
    content: Any = [
        {
            "type": "web_search_result",
            "url": result.url,
            "title": result.title,
            "encrypted_content": "",
            "page_age": result.date,
        }
        for result in one.results
    ]
    if one.error:
        content = {"type": "web_search_tool_result_error", "error_code": one.error}
    yield {"type": "web_search_tool_result", "tool_use_id": name, "content": content}
