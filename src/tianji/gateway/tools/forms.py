"""How each form of requests offers tools to a model, and how it is told what they said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from tianji.searching.interception import choose, decoded, summed

Body = dict[str, Any]
_CALL: Final = "function_call"
_ANY: Final = {"type": "object", "properties": {}}


class Offer(Struct, frozen=True):
    """A tool as a model is offered it. `name`: of the function; tool: the client's name for it; label: of its entry."""

    name: str
    tool: str
    label: str
    shown: Mapping[str, Any]

    @property
    def schema(self) -> Any:
        """What it may be called with."""
        return self.shown.get("inputSchema") or _ANY


class Call(Struct, frozen=True):
    """A call of a function. `arguments`: None for what cannot be read."""

    id: str
    name: str
    arguments: dict[str, Any] | None


class Said(Struct, frozen=True):
    """What came of a call. `failed`: the text says why nothing did."""

    call: Call
    offer: Offer
    text: str
    failed: bool = False


class Form(Protocol):
    """One form. Bodies are decoded JSON objects, and changed in place."""

    def function(self, offer: Offer) -> Body:
        """Return a tool as the model is offered it."""

    def calls(self, answer: Body) -> Iterator[Call]:
        """Yield the calls of functions in an answer."""

    def proceed(self, body: Body, answer: Body, said: Sequence[Said], *, last: bool) -> None:
        """Make the request ask again, with what tools said. `last`: so that it is answered without another call."""

    def finish(self, answer: Body, offers: Sequence[Offer], said: Sequence[Said]) -> None:
        """Show in the last answer what was called, where the form has a place for it."""

    def add_usage(self, answer: Body, earlier: Body) -> None:
        """Add what an earlier answer used to the last one."""


class _Usage:
    """All forms count alike."""

    def add_usage(self, answer: Body, earlier: Body) -> None:
        """Add what an earlier answer used."""
        if earlier.get("usage") is not None:
            answer["usage"] = summed(answer.get("usage"), earlier["usage"])


class Chat(_Usage):
    """OpenAI's chat."""

    def function(self, offer: Offer) -> Body:
        """Return a function."""
        about = {"name": offer.name, "description": offer.shown.get("description") or "", "parameters": offer.schema}
        return {"type": "function", "function": about}

    def calls(self, answer: Body) -> Iterator[Call]:
        """Yield the calls of the first choice."""
        for call in answer["choices"][0]["message"].get("tool_calls") or ():
            function = call.get("function") or {}
            yield Call(str(call.get("id")), str(function.get("name")), _object(function.get("arguments")))

    def proceed(self, body: Body, answer: Body, said: Sequence[Said], *, last: bool) -> None:
        """Add what the model said, its calls of other functions left out, and what tools said."""
        message = answer["choices"][0]["message"]
        ours = {one.call.id for one in said}
        own = [call for call in message["tool_calls"] if call.get("id") in ours]
        turn = {name: value for name, value in message.items() if value is not None} | {"tool_calls": own}
        results = [{"role": "tool", "tool_call_id": one.call.id, "content": one.text} for one in said]
        body["messages"] = [*body["messages"], turn, *results]
        choose(body, last=last)

    def finish(self, answer: Body, offers: Sequence[Offer], said: Sequence[Said]) -> None:
        """Show nothing: a chat has no place for it."""


class Messages(_Usage):
    """Anthropic's Messages."""

    def function(self, offer: Offer) -> Body:
        """Return a tool."""
        told = {"name": offer.name, "description": offer.shown.get("description") or ""}
        return {**told, "input_schema": offer.schema}

    def calls(self, answer: Body) -> Iterator[Call]:
        """Yield the calls."""
        for block in answer["content"]:
            if block.get("type") == "tool_use":
                yield Call(str(block.get("id")), str(block.get("name")), _object(block.get("input")))

    def proceed(self, body: Body, answer: Body, said: Sequence[Said], *, last: bool) -> None:
        """Add what the model said and thought, its calls of other tools left out, and what tools said."""
        ours = {one.call.id for one in said}
        turn = [block for block in answer["content"] if block.get("type") != "tool_use" or block.get("id") in ours]
        results = [
            {"type": "tool_result", "tool_use_id": one.call.id, "content": one.text}
            | ({"is_error": True} if one.failed else {})
            for one in said
        ]
        turns = [{"role": "assistant", "content": turn}, {"role": "user", "content": results}]
        body["messages"] = [*body["messages"], *turns]
        if last:
            body["tool_choice"] = {"type": "none"}
        elif isinstance(body.get("tool_choice"), Mapping) and body["tool_choice"].get("type") in ("any", "tool"):
            body["tool_choice"] = {"type": "auto"}

    def finish(self, answer: Body, offers: Sequence[Offer], said: Sequence[Said]) -> None:
        """Show nothing: what Anthropic's own connector shows names a server of theirs."""


class Responses(_Usage):
    """OpenAI's Responses: https://platform.openai.com/docs/guides/tools-remote-mcp says what their own calls show."""

    def function(self, offer: Offer) -> Body:
        """Return a function."""
        about = {"name": offer.name, "description": offer.shown.get("description") or "", "parameters": offer.schema}
        return {"type": "function", **about, "strict": False}

    def calls(self, answer: Body) -> Iterator[Call]:
        """Yield the calls."""
        for item in answer["output"]:
            if item.get("type") == _CALL:
                yield Call(str(item.get("call_id")), str(item.get("name")), _object(item.get("arguments")))

    def proceed(self, body: Body, answer: Body, said: Sequence[Said], *, last: bool) -> None:
        """Add what the model said and thought, its calls of other functions left out, and what tools said."""
        before, ours = body.get("input", []), {one.call.id for one in said}
        items = [{"role": "user", "content": before}] if isinstance(before, str) else list(before)
        turn = [item for item in answer["output"] if item.get("type") != _CALL or item.get("call_id") in ours]
        results = [{"type": "function_call_output", "call_id": one.call.id, "output": one.text} for one in said]
        body["input"] = [*items, *turn, *results]
        choose(body, last=last)

    def finish(self, answer: Body, offers: Sequence[Offer], said: Sequence[Said]) -> None:
        """Show which tools there were, and each call, before what the model says of it."""
        labels = dict.fromkeys(offer.label for offer in offers)
        lists = [
            {
                "type": "mcp_list_tools",
                "id": f"mcpl_{answer.get('id', '')}_{number}",
                "server_label": label,
                "tools": [_described(offer) for offer in offers if offer.label == label],
            }
            for number, label in enumerate(labels)
        ]
        answer["output"] = [*lists, *map(_shown, said), *answer["output"]]


def _described(offer: Offer) -> Body:
    about = {"name": offer.tool, "description": offer.shown.get("description"), "input_schema": offer.schema}
    return {**about, "annotations": offer.shown.get("annotations")}


def _shown(one: Said) -> Body:
    return {
        "type": "mcp_call",
        "id": f"mcp_{one.call.id}",
        "server_label": one.offer.label,
        "name": one.offer.tool,
        "arguments": json.dumps(one.call.arguments or {}),
        "output": None if one.failed else one.text,
        "error": one.text if one.failed else None,
        "status": "failed" if one.failed else "completed",
        "approval_request_id": None,
    }


def _object(arguments: object) -> dict[str, Any] | None:
    found = decoded(arguments or "{}")
    return found if isinstance(found, dict) else None


FORMS: Final[Mapping[str, Form]] = {"chat": Chat(), "messages": Messages(), "responses": Responses()}
