from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

TYPES = pytest.mark.parametrize(
    ("name", "base"), [("aim", "https://api.aim.security"), ("cato_networks", "https://api.aisec.catonetworks.com")]
)


def answer(action: str | None, **further: Any) -> dict[str, Any]:
    return {"required_action": {"action_type": action, "detection_message": "No."}, **further}


@TYPES
def test_the_conversation_is_sent_with_whose_it_is(name: str, base: str) -> None:
    prefix = f"x-{name.partition('_')[0]}"
    occasion = replace(OCCASION, headers={f"{prefix}-user-email": "u@x.io"})
    verdict, (call,) = ask(name, {"api_key": KEY}, REQUEST, {"required_action": None}, occasion=occasion)

    assert call.url == f"{base}/fw/v1/analyze"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers[f"{prefix}-litellm-hook"] == "pre_call"
    assert call.headers[f"{prefix}-call-id"] == "call-1"
    assert call.headers[f"{prefix}-user-email"] == "u@x.io"
    assert call.headers[f"{prefix}-gateway-key-alias"] == "alias-1"
    assert sent(call) == {"messages": TURNS}
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("content", "hook", "said"),
    [(REQUEST, Hook.DURING_CALL, "moderation"), (ANSWER, Hook.POST_CALL, "output")],
)
def test_the_hook_has_the_vendors_name(content: Content, hook: Hook, said: str) -> None:
    occasion = replace(OCCASION, hook=hook)
    _, (call,) = ask("aim", {"api_key": KEY}, content, {"required_action": None}, occasion=occasion)

    assert call.headers["x-aim-litellm-hook"] == said
    assert "x-aim-user-email" not in call.headers


@TYPES
@pytest.mark.parametrize(
    ("action", "verdict"), [(None, Allow()), ("monitor_action", Allow("No.")), ("block_action", Block("No."))]
)
def test_the_action_decides(name: str, base: str, action: str | None, verdict: object) -> None:
    assert ask(name, {"api_key": KEY}, REQUEST, answer(action))[0] == verdict


@TYPES
def test_masked_messages_take_their_places(name: str, base: str) -> None:
    redacted = {"all_redacted_messages": [*ANSWERED[:2], {"content": "I am [NAME]"}, {"content": "sure, [NAME]"}]}
    said = answer("anonymize_action", redacted_chat=redacted)
    verdict, (call,) = ask(name, {"api_key": KEY}, ANSWER, said)
    assert sent(call)["messages"] == ANSWERED
    assert verdict == Rewrite({0: "sure, [NAME]"})

    redacted = {"all_redacted_messages": [*TURNS[:2], {"content": "I am [NAME]"}]}
    assert ask(name, {"api_key": KEY}, REQUEST, answer("anonymize_action", redacted_chat=redacted))[0] == Rewrite(
        {2: "I am [NAME]"}
    )


def test_roles_that_it_does_not_know_are_users() -> None:
    content = Content(Direction.REQUEST, (Text("42", "tool"),))
    _, (call,) = ask("aim", {"api_key": KEY}, content, {"required_action": None})

    assert sent(call) == {"messages": [{"role": "user", "content": "42"}]}


@pytest.mark.parametrize(
    "said",
    [
        answer("anonymize_action"),
        answer("anonymize_action", redacted_chat={"all_redacted_messages": TURNS[:2]}),
        answer("quarantine_action"),
        {"analysis_result": {}},
    ],
)
def test_what_it_leaves_open_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("aim", {"api_key": KEY}, REQUEST, said)
