"""What Bedrock is told where Claude is to think: it then cannot be forced to call, and thoughts have to come back."""

import pytest
from tests.unit.protocol.bedrock.test_converse import FORM, FUNCTION, body, target

from tianji.errors import UnsupportedParams


def test_a_model_that_thinks_is_not_forced_to_answer_by_a_tool() -> None:
    found = body(response_format=FORM, reasoning_effort="low")
    assert "toolChoice" not in found["toolConfig"]
    assert found["additionalModelRequestFields"]["thinking"]["type"] == "enabled"
    never = target(facts={"supports_forced_tool_use": False})
    assert "toolChoice" not in body(never, response_format=FORM)["toolConfig"]
    with pytest.raises(UnsupportedParams, match="forced"):
        body(never, tools=[FUNCTION], tool_choice="required")


def test_thoughts_that_did_not_come_back_are_not_followed_by_others() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    assert "additionalModelRequestFields" not in body(messages=said, tools=[FUNCTION], reasoning_effort="low")
    adaptive = target(facts={"supports_adaptive_thinking": True})
    found = body(adaptive, reasoning_effort="high")["additionalModelRequestFields"]
    assert (found["thinking"]["type"], found["output_config"]) == ("adaptive", {"effort": "high"})
