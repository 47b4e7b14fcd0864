from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.errors import ConfigurationError
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {
    "tracker_api_base": "https://ovalix.example/",
    "tracker_api_key": KEY,
    "application_id": "app",
    "pre_checkpoint_id": "pre",
    "post_checkpoint_id": "post",
}
ALLOW = {"action_type": "allow"}


def said(action: str, content: str | None = None) -> dict[str, Any]:
    return {"action_type": action, "modified_data": {"content": content} if content else None}


def test_each_text_passes_the_checkpoint_of_its_direction() -> None:
    verdict, calls = ask("ovalix", ENTRY, REQUEST, ALLOW, ALLOW, ALLOW)

    assert {call.url for call in calls} == {"https://ovalix.example/tracking/custom_application/checkpoint"}
    assert calls[0].headers["authorization"] == f"Bearer {KEY}"
    first = sent(calls[0])
    assert first.pop("session_id").endswith("_session-1_app")
    assert first == {
        "application_id": "app",
        "checkpoint_id": "pre",
        "actor": "u@x.io",
        "data_type": "TEXT",
        "data": {"content": "be kind"},
        "tool": "LiteLLM",
    }
    assert verdict == Allow()
    assert sent(ask("ovalix", ENTRY, ANSWER, ALLOW)[1][0])["checkpoint_id"] == "post"


def test_the_newest_text_is_refused_and_older_ones_are_replaced() -> None:
    verdict, _ = ask("ovalix", ENTRY, REQUEST, ALLOW, said("block"), said("anonymize", "I am ***"))
    assert verdict == Rewrite({1: "This message was blocked by Ovalix", 2: "I am ***"})

    assert ask("ovalix", ENTRY, REQUEST, ALLOW, ALLOW, said("block", "No."))[0] == Block("No.")


@pytest.mark.parametrize("reply", [said("sanitize"), said("shout")])
def test_what_it_leaves_open_is_no_verdict(reply: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("ovalix", ENTRY, ANSWER, reply)


def test_a_direction_without_a_checkpoint_passes_nothing() -> None:
    with pytest.raises(Unavailable) as raised:
        ask("ovalix", {**ENTRY, "post_checkpoint_id": ""}, ANSWER)
    assert raised.value.permanent

    with pytest.raises(ConfigurationError):
        ask("ovalix", {**ENTRY, "pre_checkpoint_id": "", "post_checkpoint_id": ""}, ANSWER)
