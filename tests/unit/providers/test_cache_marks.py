"""Marks of prompt caches that a deployment puts into requests."""

from typing import Any

import pytest

from tianji.errors import ConfigurationError
from tianji.providers import build
from tianji.providers.steps.shaping import apply

USUAL = {"type": "ephemeral"}


def text(said: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": said, **more}


def sent(points: list[dict[str, object]], body: dict[str, Any]) -> Any:
    """Return a body as a model of Anthropic's gets it in the hub's form."""
    params = {"model": "anthropic/claude-sonnet-4-5", "api_key": "k", "cache_control_injection_points": points}
    return apply(build(params, {}, drop_params=False).shaping, body, label="m")


def turns(*contents: object) -> list[dict[str, object]]:
    return [{"role": "user" if at % 2 else "system", "content": content} for at, content in enumerate(contents)]


@pytest.mark.parametrize(("index", "marked"), [(0, 0), (1, 1), (-1, 2), ("-2", 1), (3, None), (-4, None)])
def test_the_message_at_an_index_is_marked(index: int | str, marked: int | None) -> None:
    told = sent([{"location": "message", "index": index}], {"messages": turns("a", "b", "c")})["messages"]
    for at, (message, said) in enumerate(zip(told, "abc", strict=True)):
        assert message["content"] == ([text(said, cache_control=USUAL)] if at == marked else said)


def test_all_messages_of_a_role_are_marked_at_their_ends() -> None:
    messages = turns([text("a"), text("b")], "c", "d")
    told = sent([{"location": "message", "role": "system"}], {"messages": messages})["messages"]
    assert told[0]["content"] == [text("a"), text("b", cache_control=USUAL)]
    assert told[1]["content"] == "c"
    assert told[2]["content"] == [text("d", cache_control=USUAL)]


def test_the_last_tool_is_marked() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    told = sent([{"location": "tool_config"}], {"messages": turns("a"), "tools": tools})["tools"]
    assert [tool.get("cache_control") for tool in told] == [None, USUAL]


@pytest.mark.parametrize("marks", range(6))
def test_there_are_four_marks_at_the_most_and_none_twice(marks: int) -> None:
    own = [[text(str(at), cache_control={"type": "ephemeral", "ttl": "1h"})] for at in range(marks)]
    body = {"messages": turns(*own, *map(str, range(6)))}
    told = sent([{"location": "message", "role": role} for role in ("system", "user")], body)["messages"]
    assert str(told).count("cache_control") == max(marks, 4)
    assert [message["content"] for message in told[:marks]] == own


@pytest.mark.parametrize("content", ["", None, [], ["a"]])
def test_what_has_no_block_is_not_marked(content: object) -> None:
    told = sent([{"location": "message", "index": 0}], {"messages": [{"role": "user", "content": content}]})
    assert told["messages"] == [{"role": "user", "content": content}]


@pytest.mark.parametrize(
    "point", [{"role": "system"}, {"location": "page"}, {"location": "message", "index": "last"}, "system"]
)
def test_a_point_that_means_nothing_is_refused(point: Any) -> None:
    with pytest.raises(ConfigurationError, match="cache_control_injection_points"):
        sent([point], {"messages": []})
