"""OpenAI's Responses: https://platform.openai.com/docs/guides/tools-web-search shows what their own search says."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tianji.searching.interception import (
    DESCRIPTION,
    FUNCTION,
    PARAMETERS,
    Answered,
    Asked,
    asked,
    choose,
    decoded,
    has_search,
    summed,
    swap,
)

_FUNCTION: Final = {"type": "function", "name": FUNCTION, "description": DESCRIPTION, "parameters": PARAMETERS}
_CALL: Final = "function_call"


class Responses:
    """See Form."""

    def prepare(self, body: dict[str, Any]) -> bool:
        """Put the function in the place of a search tool."""
        native = swap(body, _FUNCTION)
        choice = body.get("tool_choice")
        if isinstance(choice, Mapping) and has_search([choice]):
            body["tool_choice"] = {"type": "function", "name": FUNCTION}
        return native

    def calls(self, answer: Mapping[str, Any]) -> list[Asked]:
        """Return the calls of the function."""
        found: list[Asked] = []
        for item in answer["output"]:
            if item.get("type") == _CALL:
                found += asked(item.get("name"), item.get("call_id"), decoded(item.get("arguments")))
        return found

    def proceed(
        self, body: dict[str, Any], answer: Mapping[str, Any], found: Sequence[Answered], *, last: bool
    ) -> None:
        """Add what the model said and thought, its calls of other functions left out, and what was found."""
        before = body.get("input", [])
        items = [{"role": "user", "content": before}] if isinstance(before, str) else list(before)
        said = [item for item in answer["output"] if item.get("type") != _CALL or item.get("name") == FUNCTION]
        results = [{"type": "function_call_output", "call_id": one.asked.id, "output": one.text} for one in found]
        body["input"] = [*items, *said, *results]
        choose(body, last=last)

    def finish(self, answer: dict[str, Any], found: Sequence[Answered], *, native: bool) -> None:
        """Show each search before what the model says of it."""
        if native:
            shown = [
                {
                    "type": "web_search_call",
                    "id": f"ws_{one.asked.id}",
                    "status": "failed" if one.error else "completed",
                    "action": {"type": "search", "query": one.asked.queries[0] if one.asked.queries else ""},
                }
                for one in found
            ]
            answer["output"] = [*shown, *answer["output"]]

    def add_usage(self, answer: dict[str, Any], earlier: Mapping[str, Any]) -> None:
        """Add what an earlier answer used."""
        if earlier.get("usage") is not None:
            answer["usage"] = summed(answer.get("usage"), earlier["usage"])
