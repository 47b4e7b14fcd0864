"""OpenAI's chat."""

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

_FUNCTION: Final = {
    "type": "function",
    "function": {"name": FUNCTION, "description": DESCRIPTION, "parameters": PARAMETERS},
}
_CHOICE: Final = {"type": "function", "function": {"name": FUNCTION}}


class Chat:
    """See Form."""

    def prepare(self, body: dict[str, Any]) -> bool:
        """Put the function in the place of a search tool."""
        native = swap(body, _FUNCTION)
        choice = body.get("tool_choice")
        if isinstance(choice, Mapping) and has_search([choice]):
            body["tool_choice"] = _CHOICE
        return native

    def calls(self, answer: Mapping[str, Any]) -> list[Asked]:
        """Return the calls of the function."""
        found: list[Asked] = []
        for call in _message(answer).get("tool_calls") or ():
            function = call.get("function") or {}
            found += asked(function.get("name"), call.get("id"), decoded(function.get("arguments")))
        return found

    def proceed(
        self, body: dict[str, Any], answer: Mapping[str, Any], found: Sequence[Answered], *, last: bool
    ) -> None:
        """Add what the model said, its calls of other functions left out, and what was found."""
        message = _message(answer)
        own = [call for call in message["tool_calls"] if (call.get("function") or {}).get("name") == FUNCTION]
        said = {name: value for name, value in message.items() if value is not None} | {"tool_calls": own}
        results = [{"role": "tool", "tool_call_id": one.asked.id, "content": one.text} for one in found]
        body["messages"] = [*body["messages"], said, *results]
        choose(body, last=last)

    def finish(self, answer: dict[str, Any], found: Sequence[Answered], *, native: bool) -> None:
        """Show where it was found, as annotations."""
        if native:
            cited = {result.url: result.title for one in found for result in one.results if result.url}
            message = _message(answer)
            if cited and isinstance(message, dict):
                notes = [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 0, "url": url, "title": title},
                    }
                    for url, title in cited.items()
                ]
                message["annotations"] = [*(message.get("annotations") or ()), *notes]

    def add_usage(self, answer: dict[str, Any], earlier: Mapping[str, Any]) -> None:
        """Add what an earlier answer used."""
        if "usage" in earlier:
            answer["usage"] = summed(answer.get("usage"), earlier["usage"])


def _message(answer: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["choices"][0]["message"]
    return found
