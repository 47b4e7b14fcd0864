"""Requests that belong to a deployment: conformance table J, through the running gateway."""

import pytest
from tests.contract.harness import eventually

from .stage import Stage
from .table import Ask, Row, row

FOUR = "a:[a1,a2,a3,a4]"
CACHED = {"type": "text", "text": "word " * 1500, "cache_control": {"type": "ephemeral"}}
SHORT = {**CACHED, "text": "word " * 20}


def keeping(check: str, **router: object) -> Row:
    return row(groups=FOUR, router={"optional_pre_call_checks": [check], **router})


def session(name: str) -> Ask:
    return Ask(headers={"x-litellm-session-id": name})


def prompt(part: dict[str, object]) -> Ask:
    return Ask(body={"messages": [{"role": "user", "content": [part]}]})


def served(stage: Stage, one: Ask, count: int) -> set[str]:
    """Who serves so many of these requests."""
    answers = [stage.send(one) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {200}
    return {answer.headers["x-litellm-model-name"].removeprefix("openai/") for answer in answers}


STAY = {
    "J1": (keeping("deployment_affinity"), Ask()),
    "J2": (keeping("session_affinity"), session("s")),
    "J6": (keeping("prompt_caching"), prompt(CACHED)),
}


@pytest.mark.parametrize(("row", "one"), STAY.values(), ids=STAY.keys())
def test_who_belongs_somewhere_stays_there(stage: Stage, one: Ask) -> None:
    assert len(served(stage, one, 8)) == 1, "which chance does once in four to the seventh"


SPREAD = {
    "J2 without a session": (keeping("session_affinity"), Ask()),
    "J7": (keeping("prompt_caching"), prompt(SHORT)),
    "J7 without a mark": (keeping("prompt_caching"), prompt({"type": "text", "text": "word " * 1500})),
}


@pytest.mark.parametrize(("row", "one"), SPREAD.values(), ids=SPREAD.keys())
def test_who_does_not_goes_anywhere(stage: Stage, one: Ask) -> None:
    assert len(served(stage, one, 40)) > 1


@pytest.mark.parametrize("row", [keeping("session_affinity", num_retries=1, cooldown_time=0.2)], ids=["J3"])
def test_another_one_serves_while_it_rests(stage: Stage) -> None:
    (home,) = served(stage, session("s"), 3)
    stage.script({home: [429, 200]})
    (other,) = served(stage, session("s"), 1)
    assert other != home
    eventually(lambda: served(stage, session("s"), 1) == {home}, "it is back")
