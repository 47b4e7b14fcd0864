import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable, Verdict

ENTRY = {"api_key": KEY, "api_base": "https://gr-prd.aporia.com/p1/"}


def test_a_request_and_an_answer_are_validated() -> None:
    occasion = replace(OCCASION, dynamic={"explain": True})
    _, (call,) = ask("aporia", ENTRY, REQUEST, {"action": "passthrough"}, occasion=occasion)
    assert call.url == "https://gr-prd.aporia.com/p1/validate"
    assert call.headers["x-aporia-api-key"] == KEY
    assert sent(call) == {"explain": True, "messages": TURNS, "validation_target": "prompt"}

    _, (call,) = ask("aporia", ENTRY, ANSWER, {"action": "passthrough"})
    assert sent(call) == {"messages": ANSWERED, "validation_target": "response", "response": "sure, Ann"}


def test_roles_that_it_does_not_know_are_others() -> None:
    content = Content(Direction.REQUEST, (Text("42", "tool"),))
    _, (call,) = ask("aporia", ENTRY, content, {"action": "passthrough"})

    assert sent(call)["messages"] == [{"role": "other", "content": "42"}]


BLOCK = {"action": "block", "policy_execution_result": {"policy": "toxicity"}}


@pytest.mark.parametrize(
    ("content", "answer", "verdict"),
    [
        (REQUEST, {"action": "passthrough"}, Allow()),
        (REQUEST, BLOCK, Block("Violated guardrail policy", {"aporia_ai_response": BLOCK})),
        (ANSWER, {"action": "modify", "revised_response": "sure"}, Rewrite({0: "sure"})),
        (ANSWER, {"action": "rephrase", "revised_response": "yes"}, Rewrite({0: "yes"})),
        (REQUEST, {"action": "modify", "revised_response": "x"}, Allow("the vendor would modify it")),
        (ANSWER, {"action": "modify"}, Allow("the vendor would modify it")),
    ],
)
def test_the_action_decides(content: Content, answer: dict[str, object], verdict: Verdict) -> None:
    assert ask("aporia", ENTRY, content, answer)[0] == verdict


def test_an_action_that_is_not_known_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("aporia", ENTRY, REQUEST, {"action": "reject"})
