"""What the guardrails of one hook make of a body, in their order."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.guardrails.kinds import looking

from tianji.config.schema.sections import Pipeline, PipelineStep
from tianji.gateway.guarding.judging import Found, Judging
from tianji.guardrails.content import Content, Direction
from tianji.guardrails.failures import GuardrailBlocked, GuardrailUnavailable
from tianji.guardrails.guardrail import Guardrail, Route
from tianji.guardrails.running import Runner, Status
from tianji.guardrails.selection import Plan
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.vendor import PRE_AND_POST, Hook, Occasion
from tianji.guardrails.verdict import Advise, Allow, Answer, Block, Rewrite, Unavailable, Verdict

BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'


def guardrail(name: str, say: Callable[[str], Verdict], **about: Any) -> Guardrail:
    def look(content: Content, _occasion: Occasion) -> Verdict:
        return say(content.joined())

    return looking(look, name=name, id=name, type={"masks": PRE_AND_POST}, **about)


def appending(name: str, **about: Any) -> Guardrail:
    return guardrail(name, lambda text: Rewrite({0: f"{text} {name}"}), **about)


def seeing(seen: list[str], **about: Any) -> Guardrail:
    def say(text: str) -> Verdict:
        seen.append(text)
        return Allow()

    return guardrail("seeing", say, **about)


def judge(
    *guardrails: Guardrail, session: str = "", bound: bool = False, plan: Plan | None = None
) -> tuple[Found, Judging]:
    plan = plan or Plan({Hook.PRE_CALL: tuple((one,) for one in guardrails)})
    request: Any = SimpleNamespace(
        plan=plan,
        turn=0,
        session=session,
        bound=bound,
        occasion=lambda one, hook, _tokens: Occasion(name=one.name, hook=hook),
    )
    judging = Judging(Runner(SimpleNamespace(), lambda _: None), request, 400)  # type: ignore[arg-type]  # nobody calls

    def read(body: bytes) -> Any:
        return form_of("chat").read(Direction.REQUEST, body)

    return asyncio.run(judging.judge(Hook.PRE_CALL, plan, read(BODY), read)), judging


def text(found: Found) -> str:
    return found.document.content.texts[0].text


def test_each_sees_what_those_before_it_left_and_who_asks_for_the_original_sees_that() -> None:
    seen: list[str] = []
    found, judging = judge(appending("a"), appending("b"), seeing(seen), seeing(seen, raw=True))
    assert text(found) == "hello a b"
    assert seen == ["hello a b", "hello"]
    assert found.body == BODY.replace(b"hello", b"hello a b")
    assert [outcome.status for outcome in judging.outcomes] == [Status.SUCCESS] * 4


def test_what_nobody_changes_stays_as_it_was() -> None:
    found, _ = judge(seeing([]))
    assert found.body is None


def test_a_refusal_names_its_guardrail_and_ends_the_round() -> None:
    seen: list[str] = []
    with pytest.raises(GuardrailBlocked, match="no") as caught:
        judge(guardrail("strict", lambda _: Block("no", {"score": 1})), seeing(seen))
    assert caught.value.guardrail == "strict"
    assert caught.value.specific == {
        "error": "no", "score": 1, "guardrail_name": "strict", "guardrail_mode": "pre_call",
    }  # fmt: skip
    assert seen == []


def test_who_cannot_judge_ends_it() -> None:
    def say(_text: str) -> Verdict:
        raise Unavailable("away")

    with pytest.raises(GuardrailUnavailable):
        judge(guardrail("away", say))
    found, _ = judge(guardrail("away", say, fails_open=True))
    assert found.body is None


def test_of_those_side_by_side_a_refusal_goes_first() -> None:
    answers = guardrail("answers", lambda _: Answer("text"), parallel=True)
    refuses = guardrail("refuses", lambda _: Block("no"), parallel=True)
    with pytest.raises(GuardrailBlocked):
        judge(answers, refuses)
    found, _ = judge(answers, appending("changed", parallel=True))
    assert found.answer == Answer("text")
    assert text(found) == "hello"


def test_an_answer_ends_the_round_and_advice_is_gathered() -> None:
    seen: list[str] = []
    found, _ = judge(
        guardrail("one", lambda _: Advise("be kind")),
        guardrail("two", lambda _: Advise("be brief")),
        guardrail("three", lambda _: Answer("instead")),
        seeing(seen),
    )
    assert found.advice == ("be kind", "be brief")
    assert found.answer == Answer("instead")
    assert seen == []


def test_a_request_is_led_elsewhere_where_it_belongs_to_a_session_and_a_later_refusal_still_counts() -> None:
    leads = guardrail("leads", lambda _: Block("sensitive"), route=Route("safe"))
    with pytest.raises(GuardrailBlocked, match="sensitive"):
        judge(leads)
    with pytest.raises(GuardrailBlocked, match="sensitive"):
        judge(leads, session="s", bound=True)
    found, _ = judge(leads, appending("a"), session="s")
    assert (found.route, text(found)) == (Route("safe"), "hello a")
    with pytest.raises(GuardrailBlocked, match="no"):
        judge(leads, guardrail("strict", lambda _: Block("no")), session="s")


def test_a_change_of_the_original_that_others_have_changed_is_a_refusal() -> None:
    with pytest.raises(GuardrailBlocked):
        judge(appending("a"), appending("b", raw=True))


def test_a_change_of_what_is_not_there_is_no_verdict() -> None:
    with pytest.raises(GuardrailUnavailable):
        judge(guardrail("lost", lambda _: Rewrite({7: "x"})))


# -- pipelines ---------------------------------------------------------------------------------------------------------


def piped(*steps: PipelineStep, **members: Guardrail) -> tuple[Found, Judging]:
    named = {name: (one,) for name, one in members.items()}
    plan = Plan({}, {Hook.PRE_CALL: (("policy", Pipeline(mode="pre_call", steps=steps)),)}, named)
    return judge(plan=plan)


def step(name: str, **about: Any) -> PipelineStep:
    return PipelineStep(guardrail=name, **about)


PASSES = guardrail("passes", lambda _: Allow())
FAILS = guardrail("fails", lambda _: Block("no"))


def test_a_step_says_what_follows() -> None:
    seen: list[str] = []
    last = seeing(seen)
    piped(step("passes"), step("last"), passes=PASSES, last=last)
    assert seen == [], "passing lets it pass"
    piped(step("fails", on_fail="next"), step("last"), fails=FAILS, last=last)
    piped(step("passes", on_pass="next"), step("absent"), step("last"), passes=PASSES, last=last)
    assert seen == ["hello", "hello"]
    found, _ = piped(step("fails", on_fail="modify_response", modify_response_message="sorry"), fails=FAILS)
    assert found.answer == Answer("sorry")


def test_a_pipeline_that_refuses_says_its_steps() -> None:
    with pytest.raises(GuardrailBlocked) as caught:
        piped(step("passes", on_pass="next"), step("fails"), passes=PASSES, fails=FAILS)
    specific: Any = caught.value.specific
    assert specific["error"]["type"] == "guardrail_pipeline_error"
    assert specific["error"]["pipeline_context"] == {
        "policy": "policy",
        "step_results": [
            {"guardrail": "passes", "outcome": "pass", "action": "next"},
            {"guardrail": "fails", "outcome": "fail", "action": "block"},
        ],
    }


def test_what_steps_change_goes_on() -> None:
    found, _ = piped(step("a", on_pass="next"), step("b"), a=appending("a"), b=appending("b"))
    assert text(found) == "hello a b"


def test_who_fails_to_judge_has_a_word_of_his_own() -> None:
    def say(_text: str) -> Verdict:
        raise Unavailable("away")

    away = guardrail("away", say)
    with pytest.raises(GuardrailBlocked):
        piped(step("away"), away=away)
    found, _ = piped(step("away", on_error="allow"), away=away)
    assert found.answer is None
