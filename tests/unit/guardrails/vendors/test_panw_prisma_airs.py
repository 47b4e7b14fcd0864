from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, answer, ask, sent

from tianji.guardrails.content import Content, Direction, Text, ToolCall
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "panw_prisma_airs"
ENTRY: dict[str, Any] = {"api_key": KEY}
ALLOW = {"action": "allow", "category": "benign", "scan_id": "s1"}
MASKED = {"prompt_masked_data": {"data": "request ***"}, "response_masked_data": {"data": "answer ***"}}


def test_each_text_is_a_scan() -> None:
    entry = {**ENTRY, "profile_name": "ours", "app_name": "shop"}
    verdict, calls = ask(NAME, entry, REQUEST, ALLOW, ALLOW, ALLOW)

    assert {call.url for call in calls} == {"https://service.api.aisecurity.paloaltonetworks.com/v1/scan/sync/request"}
    assert calls[0].headers["x-pan-token"] == KEY
    assert sent(calls[0]) == {
        "tr_id": "call-1",
        "ai_profile": {"profile_name": "ours"},
        "metadata": {
            "app_user": "end-1",
            "ai_model": "gpt-4o",
            "app_name": "LiteLLM-shop",
            "source": "litellm_builtin_guardrail",
            "litellm_trace_id": "trace-1",
        },
        "contents": [{"prompt": "be kind"}],
    }
    assert isinstance(verdict, Allow)
    assert verdict.findings.scan_id == "s1"


def test_a_request_says_more_about_itself() -> None:
    metadata = {"profile_id": "id-9", "profile_name": "x", "user_ip": "192.0.2.9", "app_user": "u9", "app_name": "a9"}
    _, (call,) = ask(NAME, ENTRY, ANSWER, ALLOW, occasion=replace(OCCASION, metadata=metadata))

    assert sent(call)["ai_profile"] == {"profile_id": "id-9"}
    said = sent(call)["metadata"]
    assert (said["user_ip"], said["app_user"], said["app_name"]) == ("192.0.2.9", "u9", "LiteLLM-a9")
    assert said["is_response"] is True
    assert sent(call)["contents"] == [{"response": "sure, Ann"}]


def test_a_call_of_a_tool_is_a_scan() -> None:
    content = Content(Direction.RESPONSE, (Text("x", "assistant"),), calls=(ToolCall("look", '{"q": 1}'),))
    _, calls = ask(NAME, ENTRY, content, ALLOW, ALLOW)

    assert sent(calls[1])["contents"] == [{"response": 'look\n{"q": 1}'}]
    verdict, _ = ask(NAME, {**ENTRY, "mask_on_block": True}, content, ALLOW, {"action": "block", **MASKED})
    assert isinstance(verdict, Block)


@pytest.mark.parametrize(
    ("action", "entry", "masked"),
    [
        ("allow", {}, True),
        ("block", {}, False),
        ("block", {"mask_request_content": True}, False),
        ("block", {"mask_response_content": True}, True),
        ("block", {"mask_on_block": True}, True),
    ],
)
def test_masks_are_applied_where_it_says_so(action: str, entry: dict[str, Any], masked: bool) -> None:
    verdict, _ = ask(NAME, {**ENTRY, **entry}, ANSWER, {"action": action, **MASKED})

    assert verdict == Rewrite({0: "answer ***"}) if masked else isinstance(verdict, Block)


@pytest.mark.parametrize(
    ("content", "code"),
    [(REQUEST, "panw_prisma_airs_blocked"), (ANSWER, "panw_prisma_airs_response_blocked")],
)
def test_what_is_blocked_is_refused_in_the_vendors_form(content: Content, code: str) -> None:
    found = {"injection": True, "dlp": False}
    said = {"action": "block", "category": "malicious", "prompt_detected": found, "response_detected": found}
    verdict, _ = ask(NAME, ENTRY, content, *[said] * len(content.texts))

    assert isinstance(verdict, Block)
    error = verdict.detail["error"]
    assert (error["type"], error["code"], error["category"]) == ("guardrail_violation", code, "malicious")
    assert (error["guardrail"], error["detected"]) == ("rail", ("injection",))
    assert error["message"] == verdict.reason


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (404, True), (408, False), (429, False), (502, False)])
def test_refusals_of_a_call_are_about_the_set_up(status: int, permanent: bool) -> None:
    with pytest.raises(Unavailable) as raised:
        ask(NAME, ENTRY, ANSWER, answer({}, status))

    assert raised.value.permanent is permanent
