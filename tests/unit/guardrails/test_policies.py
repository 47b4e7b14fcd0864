"""Policies: what they inherit, whom they are for, and when they hold."""

import pytest

from tianji.config.schema.sections import (
    Pipeline,
    PipelineStep,
    Policy,
    PolicyAttachment,
    PolicyCondition,
    PolicyGuardrails,
)
from tianji.guardrails.policies import Policies, Subject
from tianji.guardrails.vendor import Hook

POLICIES = {
    "base": Policy(guardrails=PolicyGuardrails(add=("a", "b"))),
    "child": Policy(inherit="base", guardrails=PolicyGuardrails(add=("c",), remove=("a",))),
    "gpt": Policy(guardrails=PolicyGuardrails(add=("g",)), condition=PolicyCondition(model="gpt-.*")),
    "piped": Policy(
        guardrails=PolicyGuardrails(add=("a",)),
        pipeline=Pipeline(mode="post_call", steps=(PipelineStep(guardrail="a"),)),
    ),
    "loop": Policy(inherit="loop", guardrails=PolicyGuardrails(add=("l",))),
}


def applied(
    *attachments: PolicyAttachment, subject: Subject | None = None, named: tuple[str, ...] = ()
) -> tuple[str, ...]:
    return Policies(POLICIES, attachments).apply(subject or Subject(model="gpt-4"), named).names


def test_a_child_adds_to_its_parent_and_takes_away() -> None:
    assert applied(named=("child",)) == ("b", "c")


def test_a_circle_ends() -> None:
    assert applied(named=("loop",)) == ("l",)


def test_whom_an_attachment_names_meets_its_policy() -> None:
    of_team = PolicyAttachment(policy="base", teams=("health-*",))
    assert applied(of_team, subject=Subject(teams=("t1", "health-care"))) == ("a", "b")
    assert applied(of_team, subject=Subject(teams=("sales",))) == ()
    both = PolicyAttachment(policy="base", teams=("health-*",), tags=("eu",))
    assert applied(both, subject=Subject(teams=("health-x",), tags=("us",))) == ()
    assert applied(both, subject=Subject(teams=("health-x",), tags=("us", "eu"))) == ("a", "b")
    assert applied(PolicyAttachment(policy="base", scope="*"), subject=Subject()) == ("a", "b")


def test_an_attachment_that_names_nobody_is_for_nobody() -> None:
    assert applied(PolicyAttachment(policy="base")) == ()


def test_the_default_is_for_whom_no_other_is_meant() -> None:
    default = PolicyAttachment(policy="child", default=True)
    assert applied(default, subject=Subject(teams=("x",))) == ("b", "c")
    assert applied(default, PolicyAttachment(policy="base", teams=("x",)), subject=Subject(teams=("x",))) == ("a", "b")


@pytest.mark.parametrize(("model", "names"), [("gpt-4", ("g",)), ("claude", ()), ("my-gpt-4", ())])
def test_a_condition_is_about_all_of_the_models_name(model: str, names: tuple[str, ...]) -> None:
    assert applied(named=("gpt",), subject=Subject(model=model)) == names


def test_a_pipeline_belongs_to_its_hook_and_says_why_it_holds() -> None:
    found = Policies(POLICIES, (PolicyAttachment(policy="piped", models=("gpt-*",)),)).apply(Subject(model="gpt-4"))
    assert [name for name, _ in found.pipelines_at(Hook.POST_CALL)] == ["piped"]
    assert list(found.pipelines_at(Hook.PRE_CALL)) == []
    assert found.sources == {"piped": "model:gpt-*"}
