import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, OCCASION, REQUEST, answer, ask, drive, sent

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import Call, Reply
from tianji.guardrails.verdict import Allow, Block, Rewrite

ENTRY: dict[str, Any] = {"analyzer_url": "http://analyzer:3000/"}
NOTHING: list[Any] = []


def hit(entity: str, start: int, end: int, score: float = 0.9) -> dict[str, Any]:
    return {"entity_type": entity, "start": start, "end": end, "score": score, "analysis_explanation": None}


ANN, MAIL = hit("PERSON", 5, 8), hit("EMAIL_ADDRESS", 10, 18)


def test_each_text_is_analyzed_and_masked_here_without_an_anonymizer() -> None:
    verdict, calls = ask("presidio", ENTRY, REQUEST, NOTHING, NOTHING, [ANN, MAIL])

    assert {call.url for call in calls} == {"http://analyzer:3000/analyze"}
    assert sent(calls[0]) == {"language": "en", "text": "be kind"}
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {2: "I am <PERSON>, <EMAIL_ADDRESS>"}
    assert verdict.findings.entities == {"PERSON": 1, "EMAIL_ADDRESS": 1}
    assert not verdict.restore


def test_the_anonymizer_masks_where_there_is_one() -> None:
    entry = {**ENTRY, "presidio_anonymizer_api_base": "anonymizer:3001"}
    verdict, calls = ask("presidio", entry, REQUEST, NOTHING, NOTHING, [ANN], {"text": "I am X, ann@x.io", "items": []})

    assert calls[3].url == "http://anonymizer:3001/anonymize"
    results = [{"entity_type": "PERSON", "start": 5, "end": 8, "score": 0.9}]
    assert sent(calls[3]) == {"text": "I am Ann, ann@x.io", "analyzer_results": results}
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {2: "I am X, ann@x.io"}


def test_an_entity_may_be_refused() -> None:
    entry = {**ENTRY, "pii_entities_config": {"PERSON": "MASK", "EMAIL_ADDRESS": "BLOCK"}}
    verdict, calls = ask("presidio", entry, REQUEST, NOTHING, NOTHING, [ANN, MAIL])

    assert sent(calls[0])["entities"] == ["PERSON", "EMAIL_ADDRESS"]
    assert isinstance(verdict, Block)
    assert verdict.reason == "Blocked entity detected: EMAIL_ADDRESS by Guardrail: rail"


@pytest.mark.parametrize(
    "entry",
    [
        {"presidio_score_thresholds": {"PERSON": 0.95}},
        {"presidio_score_thresholds": {"ALL": 0.95}},
        {"presidio_entities_deny_list": ["PERSON"]},
    ],
)
def test_hits_that_do_not_count_change_nothing(entry: dict[str, Any]) -> None:
    verdict, _ = ask("presidio", {**ENTRY, **entry}, ANSWER, [ANN])

    assert verdict == Allow()


@pytest.mark.parametrize("entry", [{"PERSON": 0.9, "ALL": 1.0}, {"ALL": 0.9}, {"EMAIL_ADDRESS": 1.0}])
def test_hits_that_reach_their_threshold_count(entry: dict[str, float]) -> None:
    verdict, _ = ask("presidio", {**ENTRY, "presidio_score_thresholds": entry}, ANSWER, [ANN])

    assert isinstance(verdict, Rewrite)


def test_a_request_chooses_a_language_and_further_entities_but_drops_none() -> None:
    occasion = replace(
        OCCASION,
        settings={"language": "de", "entities": ["PHONE_NUMBER"]},
        dynamic={"correlation_id": "7", "entities": [], "score_threshold": 1.0, "allow_list": ["Ann"], "text": "x"},
    )
    _, (call,) = ask("presidio", {**ENTRY, "pii_entities_config": {"PERSON": "MASK"}}, ANSWER, [], occasion=occasion)

    assert sent(call) == {
        "language": "de",
        "entities": ["PERSON", "PHONE_NUMBER"],
        "correlation_id": "7",
        "text": "sure, Ann",
    }


@pytest.mark.parametrize(("entities", "sends"), [(["PERSON", 7], ["PERSON"]), ("PERSON", None), ({}, None), (7, None)])
def test_entities_that_a_request_names_are_looked_for_alone_where_the_entry_names_none(
    entities: object, sends: list[str] | None
) -> None:
    occasion = replace(OCCASION, settings={"entities": entities})
    _, (call,) = ask("presidio", ENTRY, ANSWER, [], occasion=occasion)

    assert sent(call).get("entities") == sends


@pytest.mark.parametrize(("scope", "content"), [("output", REQUEST), ("input", ANSWER)])
def test_what_is_not_in_scope_is_not_sent(scope: str, content: Content) -> None:
    assert ask("presidio", {**ENTRY, "presidio_run_on": scope}, content) == (Allow(), [])


def test_recognizers_of_a_file_go_along(tmp_path: Path) -> None:
    (tmp_path / "ours.json").write_text(json.dumps([{"name": "Ours"}]))
    entry = {**ENTRY, "presidio_ad_hoc_recognizers": "ours.json"}
    _, (call,) = ask("presidio", entry, ANSWER, [], folder=tmp_path)

    assert sent(call)["ad_hoc_recognizers"] == [{"name": "Ours"}]
    with pytest.raises(ConfigurationError, match=r"ours\.json"):
        ask("presidio", entry, ANSWER, [], folder=tmp_path / "elsewhere")


TOKENS = {**ENTRY, "output_parse_pii": True}


def test_tokens_name_the_same_datum_alike_and_say_what_they_stand_for() -> None:
    content = Content(Direction.REQUEST, (Text("Ann and Bob <PERSON_1>"), Text("Ann", message=1)))
    verdict, _ = ask("presidio", TOKENS, content, [hit("PERSON", 0, 3), hit("PERSON", 8, 11)], [hit("PERSON", 0, 3)])

    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "<PERSON_2> and <PERSON_3> <PERSON_1>", 1: "<PERSON_2>"}
    assert verdict.restore == {"<PERSON_2>": "Ann", "<PERSON_3>": "Bob"}


SPANS = st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 12), st.integers(1, 6)), max_size=5)


@given(st.lists(st.tuples(st.text(alphabet="<A_1>🙂b", min_size=18, max_size=18), SPANS), min_size=1, max_size=3))
def test_what_tokens_replaced_is_put_back_whole(texts: list[tuple[str, list[tuple[str, int, int]]]]) -> None:
    content = Content(Direction.REQUEST, tuple(Text(text, message=n) for n, (text, _) in enumerate(texts)))
    left = [[hit(entity, start, start + size) for entity, start, size in spans] for _, spans in texts]

    def reply(_call: Call) -> Reply:
        return answer(left.pop(0))

    verdict = drive("presidio", TOKENS, content, reply)

    for index, masked in verdict.texts.items() if isinstance(verdict, Rewrite) else ():
        restored = masked
        for token, original in verdict.restore.items():
            restored = restored.replace(token, original)
        assert restored == texts[index][0]
