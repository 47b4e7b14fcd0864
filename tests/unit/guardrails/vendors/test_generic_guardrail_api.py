from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji import __version__
from tianji.guardrails.content import Content, Direction, Text, ToolCall
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "generic_guardrail_api"
ENTRY: dict[str, Any] = {"api_base": "https://mine.example/", "api_key": KEY}
NONE = {"action": "NONE"}
TOOL = {"type": "function", "function": {"name": "look"}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q": "ann"}'}}
FULL = Content(
    Direction.REQUEST,
    (Text("see"), Text("this"), Text("ok", message=1)),
    images=("https://x.example/a.png",),
    tools=(TOOL,),
    calls=(ToolCall("look", '{"q": "ann"}', "c1", 1),),
)


def test_everything_about_a_content_is_sent() -> None:
    entry = {
        **ENTRY,
        "headers": {"x-fixed": "1"},
        "extra_headers": ["X-Mine", "x-all-*"],
        "additional_provider_specific_params": {"level": 1, "mode": "soft"},
    }
    headers = {"authorization": "Bearer c", "x-mine": "m", "x-all-a": "a", "user-agent": "tests", "x-litellm-tags": "t"}
    occasion = replace(OCCASION, headers=headers, dynamic={"level": 2})
    verdict, (call,) = ask(NAME, entry, FULL, NONE, occasion=occasion)

    assert call.url == "https://mine.example/beta/litellm_basic_guardrail_api"
    assert (call.headers["x-api-key"], call.headers["x-fixed"]) == (KEY, "1")
    parts = [{"type": "text", "text": "see"}, {"type": "text", "text": "this"}]
    assert sent(call) == {
        "input_type": "request",
        "litellm_call_id": "call-1",
        "litellm_trace_id": "trace-1",
        "texts": ["see", "this", "ok"],
        "images": ["https://x.example/a.png"],
        "tools": [TOOL],
        "tool_calls": [CALLED],
        "structured_messages": [{"role": "user", "content": parts}, {"role": "user", "content": "ok"}],
        "model": "gpt-4o",
        "litellm_version": __version__,
        "additional_provider_specific_params": {"level": 2, "mode": "soft"},
        "request_data": {
            "user_api_key_hash": "hash-1",
            "user_api_key_alias": "alias-1",
            "user_api_key_user_id": "user-1",
            "user_api_key_user_email": "u@x.io",
            "user_api_key_team_id": "team-1",
            "user_api_key_team_alias": "team-one",
            "user_api_key_end_user_id": "end-1",
            "user_api_key_org_id": "org-1",
        },
        "request_headers": {**headers, "authorization": "[present]"},
    }
    assert verdict == Allow()


def test_a_base_that_ends_in_the_path_is_taken_as_it_is() -> None:
    entry = {"api_base": "https://mine.example/beta/litellm_basic_guardrail_api/"}
    _, (call,) = ask(NAME, entry, ANSWER, NONE)

    assert call.url == "https://mine.example/beta/litellm_basic_guardrail_api"
    assert "x-api-key" not in call.headers
    assert sent(call)["input_type"] == "response"


def test_it_blocks_with_the_servers_reason() -> None:
    verdict, _ = ask(NAME, ENTRY, REQUEST, {"action": "BLOCKED", "blocked_reason": "No."})

    assert verdict == Block("No.")


SOFT = {"id": "c1", "function": {"name": "look", "arguments": "{}"}}
CHANGED = ToolCall("look", "{}", "c1", 1)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"texts": ["see", "THAT", "ok"]}, Rewrite({1: "THAT"})),
        ({"texts": ["see", "this", "ok"], "tools": [TOOL], "tool_calls": [CALLED]}, Allow()),
        (
            {"structured_messages": [{"content": [{"text": "a"}, {"text": "b"}]}, {"content": "ok"}]},
            Rewrite({0: "a", 1: "b"}),
        ),
        ({"tools": []}, Rewrite(tools=())),
        ({"tool_calls": [SOFT], "texts": ["see", "this", "OK"]}, Rewrite({2: "OK"}, calls={0: CHANGED})),
    ],
)
@pytest.mark.parametrize("action", ["NONE", "GUARDRAIL_INTERVENED"])
def test_lists_that_differ_are_written_back(action: str, said: dict[str, Any], verdict: object) -> None:
    assert ask(NAME, ENTRY, FULL, {"action": action, **said})[0] == verdict


@pytest.mark.parametrize(
    "said",
    [
        {"texts": ["one"]},
        {"structured_messages": [{"content": "one"}]},
        {"tool_calls": []},
        {"images": []},
        {"action": "MAYBE"},
    ],
)
def test_changes_without_a_place_are_no_answer(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, FULL, {"action": "GUARDRAIL_INTERVENED", **said})


def test_a_firewall_of_deepkeep_is_not_the_requests_to_choose() -> None:
    occasion = replace(OCCASION, dynamic={"firewall_id": "other"})
    entry = {**ENTRY, "firewall_id": "fw"}
    verdict, (call,) = ask("deepkeep", entry, REQUEST, {"action": "BLOCKED"}, occasion=occasion)

    assert call.url == "https://mine.example/v3/openai/beta/litellm_basic_guardrail_api"
    assert call.headers["x-api-key"] == KEY
    assert sent(call)["additional_provider_specific_params"] == {"firewall_id": "fw"}
    assert isinstance(verdict, Block)


def test_wingback_is_told_the_application() -> None:
    verdict, (call,) = ask("wingback", {"api_key": KEY, "wingback_app_id": "app"}, REQUEST, NONE)

    assert call.url == "https://api.wingback.ai/connectors/beta/litellm_basic_guardrail_api"
    assert sent(call)["additional_provider_specific_params"] == {"wingback_app_id": "app"}
    assert sent(call)["structured_messages"] == TURNS
    assert verdict == Allow()


@pytest.mark.parametrize(("action", "refused"), [("NONE", False), ("BLOCKED", True), ("QUARANTINED", True)])
def test_a_word_that_airia_does_not_have_blocks(action: str, refused: bool) -> None:
    verdict, (call,) = ask("airia", ENTRY, REQUEST, {"action": action})

    assert call.url == "https://mine.example/v1/guardrails/litellm"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert isinstance(verdict, Block) is refused
