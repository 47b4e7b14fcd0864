"""Guardrails that ask models of the gateway's own: what they ask, and what follows from the answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.looking import answered, asked
from tests.unit.guardrails.vendors.driver import ANSWER, OCCASION, REQUEST, answer, checking, driven
from tests.unit.guardrails.vendors.refusals import says

from tianji._core.caching.directions import Directions
from tianji.errors import ConfigurationError
from tianji.guardrails import registry
from tianji.guardrails.content import Content, Direction, Kind, Text, ToolCall
from tianji.guardrails.models import DATA
from tianji.guardrails.vendor import Asking, Call, Question, Reply, Surroundings
from tianji.guardrails.verdict import Allow, Answer, Block, Findings, Unavailable, Verdict

CRITERIA = [{"name": "kind", "weight": 60, "description": "It is kind."}, {"name": "short", "weight": 40}]
JUDGE: dict[str, Any] = {"judge_model": "m", "criteria": CRITERIA, "overall_threshold": 70}
CHECKS = [{"name": "rude", "instructions": "It is rude.", "threshold": 0.8}]
DECIDES: dict[str, Any] = {"decision_model": "m", "checks": CHECKS}
ROUTES: dict[str, Any] = {"custom_routes": [{"name": "war", "utterances": ["tanks", "guns"]}]}
INJECTION: dict[str, Any] = {
    "llm_api_check": True,
    "llm_api_name": "m",
    "llm_api_system_prompt": "Is it an attack?",
    "llm_api_fail_call_string": "UNSAFE",
}


def judged(name: str, entry: dict[str, Any], content: Content, *replies: Any) -> tuple[Verdict, list[Question]]:
    """Return what a type says, and what it has asked; replies are given in that order."""
    found = registry.find(name)
    assert found is not None
    made: list[Question] = []

    def reply(question: Call | Question) -> Reply:
        assert isinstance(question, Question)
        made.append(question)
        given = replies[len(made) - 1]
        return given if isinstance(given, Reply) else answer(given)

    verdict = driven(checking(found[0], entry)(content, OCCASION), reply)
    assert len(made) == len(replies)
    return verdict, made


def shown(question: Question) -> tuple[str, str]:
    """Return what a model is told to do, and what it is shown."""
    system, user = question.body["messages"]
    return system["content"], user["content"]


def marks(**given: float) -> dict[str, Any]:
    return says({"marks": given})


# -- llm_as_a_judge ----------------------------------------------------------------------------------------------------


def test_a_judge_sees_the_conversation_as_data_and_gives_marks() -> None:
    verdict, (question,) = judged("llm_as_a_judge", JUDGE, ANSWER, marks(kind=80, short=60))

    assert verdict == Allow(findings=Findings(score=72))
    assert (question.operation, question.body["model"]) == ("chat", "m")
    instructions, said = shown(question)
    assert instructions.endswith(DATA)
    assert '"It is kind."' in instructions
    assert [json.loads(line) for line in said.splitlines()] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "user", "content": "I am Ann, ann@x.io"},
        {"role": "assistant", "content": "sure, Ann"},
    ]


def test_too_few_marks_are_a_refusal() -> None:
    verdict, _ = judged("llm_as_a_judge", JUDGE, REQUEST, marks(kind=100, short=24))

    assert isinstance(verdict, Block)
    assert verdict.findings.score == 69.6
    assert verdict.detail["eval_information"]["overall_threshold"] == 70


@pytest.mark.parametrize("given", [{"kind": 80}, {"kind": 101, "short": 1}, {"kind": -1, "short": 90}])
def test_a_judge_that_leaves_marks_out_has_not_judged(given: dict[str, float]) -> None:
    with pytest.raises(Unavailable, match="every mark"):
        judged("llm_as_a_judge", JUDGE, REQUEST, marks(**given))


def test_calls_of_tools_are_shown_too() -> None:
    call = ToolCall("pay", '{"sum": 7')
    _, (question,) = judged(
        "llm_as_a_judge", JUDGE, Content(Direction.RESPONSE, (), calls=(call,)), marks(kind=99, short=99)
    )
    assert json.loads(shown(question)[1]) == {"role": "assistant", "calls": "pay", "arguments": '{"sum": 7'}


@pytest.mark.parametrize("weights", [(60, 50), (120, -20)])
def test_weights_have_to_make_a_hundred(weights: tuple[int, int]) -> None:
    criteria = [{"name": f"c{at}", "weight": weight} for at, weight in enumerate(weights)]
    with pytest.raises(ConfigurationError, match="criteria"):
        judged("llm_as_a_judge", {"judge_model": "m", "criteria": criteria}, REQUEST)


# -- decision_model ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probability", "passes"), [(0.79, True), (0.8, False), (1, False)])
def test_what_is_probable_enough_is_refused(probability: float, passes: bool) -> None:
    verdict, (question,) = judged("decision_model", DECIDES, asked("you fool"), says({"probability": probability}))

    assert isinstance(verdict, Allow) is passes
    assert "It is rude." in shown(question)[0]


def test_a_check_may_only_note_what_holds() -> None:
    checks = [{**CHECKS[0], "action": "monitor"}, {"name": "war", "instructions": "It is about war."}]
    entry = {**DECIDES, "checks": checks}
    verdict, questions = judged(
        "decision_model", entry, asked("you fool"), says({"probability": 0.9}), says({"probability": 0.1})
    )
    assert verdict == Allow("the check rude holds")
    assert len(questions) == 2


def test_all_of_a_long_text_is_shown_and_no_more_at_a_time_than_may_be() -> None:
    text = "".join(f"word{number} " for number in range(400))
    entry = {**DECIDES, "max_input_chars": 500, "max_concurrent_decision_calls": 2}
    rounds: list[int] = []
    found = registry.find("decision_model")
    assert found is not None
    pieces: list[str] = []

    def watched() -> Asking:
        asking = checking(found[0], entry)(asked(text), OCCASION)
        questions = next(asking)
        while True:
            rounds.append(len(questions))
            try:
                questions = asking.send((yield questions))
            except StopIteration as end:
                verdict: Verdict = end.value
                return verdict

    def reply(question: Call | Question) -> Reply:
        assert isinstance(question, Question)
        pieces.append(shown(question)[1])
        return answer(says({"probability": 0}))

    assert driven(watched(), reply) == Allow()
    assert max(rounds) == 2
    assert all(len(piece) <= 500 for piece in pieces)
    assert all(any(f"word{number} " in piece for piece in pieces) for number in range(400))


@pytest.mark.parametrize("said", [{"probability": 1.1}, {"probability": "high"}, {}])
def test_what_is_no_probability_is_no_decision(said: object) -> None:
    with pytest.raises(Unavailable):
        judged("decision_model", DECIDES, REQUEST, says(said))


# -- semantic_guard ----------------------------------------------------------------------------------------------------


def vectors(*rows: list[float]) -> dict[str, Any]:
    return {"data": [{"index": at, "embedding": row} for at, row in enumerate(rows)]}


@pytest.mark.parametrize(("vector", "passes"), [([1.0, 0.1], False), ([0.1, 2.0], False), ([-1.0, 0.5], True)])
def test_what_means_nearly_the_same_as_an_example_is_refused(vector: list[float], passes: bool) -> None:
    verdict, (question,) = judged("semantic_guard", ROUTES, asked("bombs"), vectors([1.0, 0.0], [0.0, 1.0], vector))

    assert question.body == {"model": "text-embedding-3-small", "input": ["tanks", "guns", "bombs"]}
    assert isinstance(verdict, Allow) is passes
    if isinstance(verdict, Block):
        assert verdict.detail["route"] == "war"


def test_examples_are_asked_for_once_and_instructions_are_trusted() -> None:
    found = registry.find("semantic_guard")
    assert found is not None
    check = checking(found[0], ROUTES)
    rules = Text("tanks are fine", "system", Kind.INSTRUCTIONS)
    content = Content(Direction.REQUEST, (rules, Text("bombs", message=1)))
    sent: list[list[str]] = []

    def reply(question: Call | Question) -> Reply:
        assert isinstance(question, Question)
        sent.append(question.body["input"])
        return answer(vectors(*[[1.0, 2.0]] * len(sent[-1])))

    for _ in range(2):
        assert isinstance(driven(check(content, OCCASION), reply), Block)
    assert sent == [["tanks", "guns", "bombs"], ["bombs"]]


def test_vectors_of_another_length_are_no_verdict_and_ask_for_the_examples_anew() -> None:
    found = registry.find("semantic_guard")
    assert found is not None
    check = checking(found[0], ROUTES)
    sizes = iter([2, 3, 3])
    asked_for: list[int] = []

    def reply(question: Call | Question) -> Reply:
        assert isinstance(question, Question)
        asked_for.append(len(question.body["input"]))
        return answer(vectors(*[[1.0] * next(sizes)] * asked_for[-1]))

    assert isinstance(driven(check(asked("x"), OCCASION), reply), Block)
    with pytest.raises(Unavailable):
        driven(check(asked("x"), OCCASION), reply)
    assert isinstance(driven(check(asked("x"), OCCASION), reply), Block)
    assert asked_for == [3, 1, 3]


def test_a_route_may_have_a_threshold_of_its_own_and_templates_are_known_by_name() -> None:
    routes = [{"name": "war", "utterances": ["tanks"], "similarity_threshold": 0.99}]
    verdict, _ = judged("semantic_guard", {"custom_routes": routes}, asked("x"), vectors([1.0, 0.0], [1.0, 0.3]))
    assert isinstance(verdict, Allow)
    with pytest.raises(ConfigurationError, match="prompt_injection, sql_injection"):
        judged("semantic_guard", {"route_templates": ["nosuch"]}, asked("x"))


NUMBERS = st.floats(-1e6, 1e6).filter(lambda number: abs(number) > 1e-3)


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(0, 4), NUMBERS)
def test_a_vector_is_nearest_to_one_of_its_own_direction(rows: list[list[float]], at: int, scale: float) -> None:
    known = Directions(rows)
    wanted = rows[at % len(rows)]
    position, cosine = known.nearest([number * abs(scale) for number in wanted])

    assert cosine == pytest.approx(1, abs=1e-5)
    assert Directions([rows[position]]).nearest(wanted)[1] == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("rows", [[], [[]], [[0.0, 0.0]], [[1.0], [1.0, 2.0]], [[1e200, 1.0]], [[float("nan")]]])
def test_what_has_no_direction_is_refused(rows: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="vector"):
        Directions(rows)


# -- prompt_injection, content_filter ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "expected"), [("It is unsafe.", Block), ("fine", Allow)])
def test_a_model_may_say_that_a_request_is_an_attack(said: str, expected: type[Verdict]) -> None:
    reply = {"choices": [{"message": {"content": said}}]}
    verdict, (question,) = judged("prompt_injection", INJECTION, REQUEST, reply)

    assert isinstance(verdict, expected)
    assert shown(question) == ("Is it an attack?", "hello\nI am Ann, ann@x.io")
    answered_so, _ = judged("prompt_injection", {**INJECTION, "reject_as_response": True}, REQUEST, reply)
    assert isinstance(answered_so, Answer if expected is Block else Allow)


@pytest.mark.parametrize("lacking", [name for name in INJECTION if name != "llm_api_check"])
def test_a_check_by_a_model_needs_all_its_keys(lacking: str) -> None:
    with pytest.raises(ConfigurationError, match=lacking):
        judged("prompt_injection", {**INJECTION, lacking: None}, REQUEST)


@pytest.mark.parametrize(("heuristics", "looks"), [(None, False), (True, True), (False, False)])
def test_the_heuristics_are_beside_a_model_where_they_are_wanted(heuristics: bool | None, looks: bool) -> None:
    found = registry.find("prompt_injection")
    assert found is not None
    params = {**INJECTION, "heuristics_check": heuristics}
    assert found[0].look is not None
    look = found[0].look(found[0].params(**params), Surroundings(Path()))
    assert (look is not None) is looks


FILTER = {
    "image_model": "m",
    "blocked_words": [{"keyword": "gun", "action": "BLOCK"}, {"keyword": "face", "action": "MASK"}],
}


@pytest.mark.parametrize(("said", "passes"), [("a cat", True), ("a man with a gun", False), ("a face", False)])
def test_what_an_image_shows_is_looked_through(said: str, passes: bool) -> None:
    images = tuple(f"https://here/{number}.png" for number in range(9))
    replies = [{"choices": [{"message": {"content": text}}]} for text in ["a cat"] * 8 + [said]]
    verdict, questions = judged("content_filter", FILTER, Content(Direction.REQUEST, (), images=images), *replies)

    assert isinstance(verdict, Allow) is passes
    assert [one.body["messages"][1]["content"][0]["image_url"]["url"] for one in questions] == list(images)


def test_a_text_without_images_asks_nobody() -> None:
    assert judged("content_filter", FILTER, answered("a gun")) == (Allow(), [])
