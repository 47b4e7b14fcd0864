"""How each form says that the web is to be searched, and what was found."""

import copy
import json
from typing import Any

import pytest

from tianji.searching.forms import FORMS
from tianji.searching.interception import (
    FUNCTION,
    LONGEST,
    Answered,
    Asked,
    Limits,
    has_search,
    is_search,
    limits,
    queries,
    summed,
)
from tianji.searching.query import Result

NATIVE = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2, "allowed_domains": ["a.example"],
          "user_location": {"type": "approximate", "country": "DE"}}  # fmt: skip
OTHER = {"chat": {"type": "function", "function": {"name": "mine"}}, "messages": {"name": "mine", "input_schema": {}},
         "responses": {"type": "function", "name": "mine"}}  # fmt: skip
PAGE = Result("A", "https://a.example", "says", "2026-01-01")
CALL = Asked("toolu_1", ("walls", "towers"))
TURN = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("tool", "is_one"),
    [
        (NATIVE, True),
        ({"type": "web_search"}, True),
        ({"type": "web_search_preview"}, True),
        ({"name": "web_search", "type": "custom"}, True),
        ({"name": "web_search", "input_schema": {}}, False),
        ({"name": "WebSearch"}, True),
        ({"name": "WebSearch", "input_schema": {}}, False),
        ({"name": FUNCTION, "input_schema": {}}, True),
        ({"type": "function", "function": {"name": FUNCTION}}, True),
        ({"type": "function", "function": {"name": "web_search"}}, False),
        ({"type": "function", "name": "web_search"}, False),
        ({"type": "websearch"}, False),
        ("web_search", False),
        ({"type": 3, "function": 4}, False),
    ],
)
def test_which_tools_are_searches(tool: Any, is_one: bool) -> None:
    assert is_search(tool) is is_one
    assert has_search([OTHER["chat"], tool]) is is_one
    assert not has_search(tool)


def test_what_a_tool_says_of_searches() -> None:
    assert limits([OTHER["chat"], NATIVE]) == Limits(2, ("a.example",), "DE")
    assert limits([{"type": "web_search", "filters": {"allowed_domains": ["b.example", 3]}}]) == Limits(
        domains=("b.example",)
    )
    assert limits([{"type": "web_search", "max_uses": "x", "user_location": 3}]) == limits(None) == Limits()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"query": " a ", "search_queries": ["b", "a", 3, ""]}, ["a", "b"]),
        ({"search_queries": list("abcdefgh")}, list("abcde")),
        ({"query": 3}, []),
        ("a", []),
        (None, []),
    ],
)
def test_what_is_searched_for(arguments: Any, found: list[str]) -> None:
    assert list(queries(arguments)) == found


@pytest.mark.parametrize("name", FORMS)
def test_the_function_stands_in_the_place_of_the_search(name: str) -> None:
    body: dict[str, Any] = {"tools": [NATIVE, OTHER[name]], "messages": [TURN], "input": "hi"}
    assert FORMS[name].prepare(body)
    assert body["tools"][0] == OTHER[name]
    assert json.dumps(body["tools"]).count(FUNCTION) == 1
    own = {"tools": [copy.deepcopy(body["tools"][1])], "messages": [TURN], "input": "hi"}
    assert not FORMS[name].prepare(own)  # which no provider knows: nothing of theirs is shown
    assert own["tools"] == body["tools"][1:]


@pytest.mark.parametrize(
    ("name", "forced"),
    [
        ("chat", {"type": "function", "function": {"name": FUNCTION}}),
        ("messages", {"type": "tool", "name": FUNCTION}),
        ("responses", {"type": "function", "name": FUNCTION}),
    ],
)
def test_a_search_that_is_wanted_is_the_functions(name: str, forced: Any) -> None:
    choice: Any = {"messages": {"type": "tool", "name": "web_search"}}.get(name, {"type": "web_search"})
    body: dict[str, Any] = {"tools": [NATIVE], "tool_choice": choice, "messages": [TURN]}
    FORMS[name].prepare(body)
    assert body["tool_choice"] == forced


def answer_of(name: str) -> dict[str, Any]:
    arguments = {"query": "walls", "search_queries": ["towers"]}
    text = json.dumps(arguments)
    if name == "chat":
        calls = [
            {"id": "toolu_1", "type": "function", "function": {"name": FUNCTION, "arguments": text}},
            {"id": "call_2", "type": "function", "function": {"name": "mine", "arguments": "{}"}},
            {"id": "call_3", "type": "function", "function": {"name": FUNCTION, "arguments": "{"}},
        ]
        said = {"role": "assistant", "content": None, "tool_calls": calls}
        return {"choices": [{"index": 0, "message": said}], "usage": {"total_tokens": 3, "details": {"a": 1}}}
    if name == "messages":
        content = [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "toolu_1", "name": FUNCTION, "input": arguments},
            {"type": "tool_use", "id": "toolu_2", "name": "mine", "input": {}},
            {"type": "tool_use", "id": "toolu_3", "name": FUNCTION, "input": []},
        ]
        return {"content": content, "usage": {"input_tokens": 3}}
    output = [
        {"type": "reasoning", "id": "rs_1"},
        {"type": "function_call", "call_id": "toolu_1", "name": FUNCTION, "arguments": text},
        {"type": "function_call", "call_id": "c2", "name": "mine", "arguments": "{}"},
        {"type": "function_call", "call_id": "c3", "name": FUNCTION, "arguments": "{"},
    ]
    return {"output": output, "usage": {"total_tokens": 3}}


@pytest.mark.parametrize("name", FORMS)
def test_calls_are_found_and_answered(name: str) -> None:
    form, answer = FORMS[name], answer_of(name)
    calls = form.calls(answer)
    assert [call.queries for call in calls] == [("walls", "towers"), ()]
    found = [Answered(calls[0], (PAGE,)), Answered(calls[1], error="invalid_tool_input")]
    body: dict[str, Any] = {"messages": [TURN], "input": "hi", "tool_choice": {"type": "any", "name": FUNCTION}}
    form.proceed(body, answer, found, last=False)
    text = json.dumps(body)
    assert '"mine"' not in text  # nobody has answered it, so it was not called
    assert "Title: A\\nURL: https://a.example\\nsays" in text
    assert "The search failed: invalid_tool_input." in text
    assert body["tool_choice"] in ("auto", {"type": "auto"})
    form.proceed(body, answer, found, last=True)
    assert body["tool_choice"] in ("none", {"type": "none"})
    roles = [turn["role"] for turn in body["messages"]]
    if name == "chat":
        assert roles == ["user", *["assistant", "tool", "tool"] * 2]
        assert "content" not in body["messages"][1]
    elif name == "messages":
        assert roles == ["user", *["assistant", "user"] * 2]
        assert body["messages"][1]["content"][0]["type"] == "thinking"
    else:
        assert [item.get("type") for item in body["input"]][:5] == [
            None, "reasoning", "function_call", "function_call", "function_call_output",
        ]  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_what_an_earlier_answer_used_is_added(name: str) -> None:
    answer, earlier = answer_of(name), answer_of(name)
    FORMS[name].add_usage(answer, earlier)
    assert next(iter(answer["usage"].values())) == 6
    FORMS[name].add_usage(answer, {})
    assert next(iter(answer["usage"].values())) == 6


def test_usage_is_summed_whatever_it_has() -> None:
    one, other = {"a": 1, "b": {"c": 2}, "d": None, "tier": "x"}, {"a": 2, "b": {"c": 1, "e": 4}, "d": 3, "f": True}
    assert summed(one, other) == {"a": 3, "b": {"c": 3, "e": 4}, "d": 3, "tier": "x", "f": True}


def test_a_client_of_anthropic_sees_their_own_search() -> None:
    form, answer = FORMS["messages"], {"content": [{"type": "text", "text": "so"}]}
    bad = Answered(Asked("toolu_2", ("x",)), error="unavailable")
    form.finish(answer, [Answered(CALL, (PAGE,)), bad], native=True)
    assert [block["type"] for block in answer["content"]] == [
        "server_tool_use", "web_search_tool_result", "server_tool_use", "web_search_tool_result", "text",
    ]  # fmt: skip
    use, result, _, failed, _ = answer["content"]
    assert use["id"] == result["tool_use_id"] == "srvtoolu_1"
    assert use["input"] == {"query": "walls"}
    assert result["content"][0]["url"] == PAGE.url  # type: ignore[index]
    assert failed["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert answer["usage"] == {"server_tool_use": {"web_search_requests": 2}}
    # and sends it back, to whom cannot read it
    turn = {"role": "assistant", "content": answer["content"]}
    theirs = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_9", "content": [{"encrypted_content": "x"}]}
    body = {"tools": [NATIVE], "messages": [TURN, turn, {"role": "assistant", "content": [theirs]}]}
    form.prepare(body)
    assert body["messages"] == [
        TURN, {"role": "assistant", "content": [{"type": "text", "text": "so"}]},
        {"role": "assistant", "content": [theirs]},
    ]  # fmt: skip


def test_other_clients_see_where_it_was_found() -> None:
    answer: dict[str, Any] = {"choices": [{"message": {"content": "so"}}]}
    FORMS["chat"].finish(answer, [Answered(CALL, (PAGE, PAGE))], native=True)
    (note,) = answer["choices"][0]["message"]["annotations"]
    assert note["url_citation"]["url"] == PAGE.url
    output: dict[str, Any] = {"output": [{"type": "message"}]}
    FORMS["responses"].finish(output, [Answered(CALL, (PAGE,))], native=True)
    assert output["output"][0]["action"] == {"type": "search", "query": "walls"}
    for form in FORMS.values():
        same: dict[str, Any] = {"output": [], "content": [], "choices": []}
        form.finish(same, [Answered(CALL)], native=False)
        assert same == {"output": [], "content": [], "choices": []}


def test_a_model_is_shown_no_endless_pages() -> None:
    shown = Answered(CALL, (Result("A", "u", "x" * 3 * LONGEST),)).text
    assert len(shown) < LONGEST + 100
    assert Answered(CALL).text == "Nothing was found."
