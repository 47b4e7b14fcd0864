"""Where a request with marks is cut, and what becomes of its parts."""

import json
from typing import Any

import msgspec
import pytest

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.outbound import GeminiOutbound
from tianji.protocol.gemini.prefixes import LEAST, USUAL_LIFE, Prefix, prefix_of

LONG = "word " * 1024  # some 1280 tokens
MARK = {"cache_control": {"type": "ephemeral"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def text(said: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": said} | (mark or {})


def user(*parts: dict[str, Any] | str) -> dict[str, Any]:
    return {"role": "user", "content": [text(part) if isinstance(part, str) else part for part in parts]}


def prefix(messages: list[dict[str, Any]], least: int | None = None, **members: Any) -> Prefix | None:
    facts = {} if least is None else {"prompt_cache_min_tokens": least}
    target = Target(provider="gemini", model="gemini-2.5-flash", facts=facts)
    request = msgspec.convert({"model": "m", "messages": messages} | members, Request)
    return prefix_of(request, GeminiOutbound(request, target).body, target)


def turn(*texts: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": one} for one in texts]}


def test_a_user_turn_is_cut_behind_the_mark() -> None:
    found = prefix([user(text(LONG, MARK), "what is it?")], temperature=1)
    assert found is not None
    assert found.kept == {"contents": [turn(LONG)]}
    assert found.rest["contents"] == [turn("what is it?")]
    assert found.life == USUAL_LIFE
    assert json.loads(found.naming("cachedContents/x")) == {
        "contents": [turn("what is it?")],
        "generationConfig": {"temperature": 1.0},
        "cachedContent": "cachedContents/x",
    }


def test_instruction_and_tools_go_with_it() -> None:
    system = {"role": "system", "content": LONG, **MARK}
    found = prefix([system, user("hi")], tools=TOOLS, tool_choice="auto")
    assert found is not None
    assert found.kept.keys() == {"systemInstruction", "tools", "toolConfig"}
    assert found.kept["systemInstruction"] == {"parts": [{"text": LONG}]}
    assert found.rest == {"contents": [turn("hi")]}


def test_what_stands_apart_is_cut_between() -> None:
    first, second = user(text(LONG, MARK)), user("and now?")
    answers = [{"role": "assistant", "content": "so"}, user(text("next", MARK))]
    found = prefix([first, second, *answers])
    assert found is not None
    assert found.kept == {"contents": [turn(LONG)]}
    assert found.rest["contents"] == [turn("and now?"), turn("so", role="model"), turn("next")]


def test_the_last_mark_counts_that_leaves_something_to_ask() -> None:
    found = prefix([user(text(LONG, MARK), text("b", MARK), text("c", MARK))])
    assert found is not None
    assert found.kept == {"contents": [turn(LONG, "b")]}
    only = prefix([{"role": "system", "content": LONG}, user(text("ask", MARK))])
    assert only is not None
    assert only.kept == {"systemInstruction": {"parts": [{"text": LONG}]}}


@pytest.mark.parametrize(
    "messages",
    [
        [user(LONG, "no mark")],
        [user(text(LONG, MARK))],  # nothing is left to ask
        [user(text(LONG, MARK)), {"role": "assistant", "content": "a model's turn may not be the first"}, user("x")],
        [user(text("short", MARK), "x")],
        [user("x"), {"role": "assistant", "content": LONG}, user(text(LONG, MARK), "y")],  # it grows with each turn
    ],
)
def test_what_has_none(messages: list[dict[str, Any]]) -> None:
    assert prefix(messages) is None


def test_one_of_the_clients_own_stays() -> None:
    messages = [user(text(LONG, MARK), "x")]
    assert prefix(messages) is not None
    request = msgspec.convert({"model": "m", "messages": messages}, Request)
    request.extra = {"cached_content": "cachedContents/own"}
    target = Target(provider="gemini", model="gemini-2.5-flash")
    assert prefix_of(request, GeminiOutbound(request, target).body, target) is None


def test_the_catalogue_says_how_long_it_has_to_be() -> None:
    messages = [user(text(LONG, MARK), "x")]
    assert len(LONG) // 4 > LEAST
    assert prefix(messages, least=4096) is None
    assert prefix([user(text("w" * 400, MARK), "x")], least=100) is not None


@pytest.mark.parametrize(
    ("ttl", "life"), [("5m", 300), ("1h", 3600), ("90s", 90), ("99h", 86400), ("soon", 3600), (7, 3600)]
)
def test_marks_say_how_long_it_is_kept(ttl: object, life: int) -> None:
    found = prefix([user(text(LONG, {"cache_control": {"type": "ephemeral", "ttl": ttl}}), "x")])
    assert found is not None
    assert found.life == life


def test_the_same_has_the_same_name() -> None:
    ask = [user(text(LONG, MARK), "x")]
    one, same, other = prefix(ask), prefix([user(text(LONG, MARK), "y")], seed=7), prefix(ask, tools=TOOLS)
    names = [found and found.name for found in (one, same, other)]
    assert None not in names
    assert names[0] == names[1] != names[2]
