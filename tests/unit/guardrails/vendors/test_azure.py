from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.verdict import Allow, Block

ENTRY: dict[str, Any] = {"endpoint": "https://mine.example/", "api_key": KEY, "api_version": "v1"}
SHIELD, MODERATIONS = "azure/prompt_shield", "azure/text_moderations"


def shield(*, prompt: bool = False, document: bool = False) -> dict[str, object]:
    return {
        "userPromptAnalysis": {"attackDetected": prompt},
        "documentsAnalysis": [{"attackDetected": False}, {"attackDetected": document}],
    }


def test_what_tools_bring_is_a_document_beside_what_is_said() -> None:
    content = Content(
        Direction.REQUEST, (Text("look"), Text("page", "tool", Kind.TOOL_RESULT, 1), Text("now", message=2))
    )
    verdict, (call,) = ask(SHIELD, ENTRY, content, shield())

    assert call.url == "https://mine.example/contentsafety/text:shieldPrompt?api-version=2024-09-01"
    assert call.headers["ocp-apim-subscription-key"] == KEY
    assert sent(call) == {"userPrompt": "look\nnow", "documents": ["page"]}
    assert verdict == Allow()


@pytest.mark.parametrize("attack", [{"prompt": True}, {"document": True}])
def test_an_attack_anywhere_is_refused(attack: dict[str, bool]) -> None:
    verdict, _ = ask(SHIELD, ENTRY, REQUEST, shield(**attack))

    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated Azure Prompt Shield guardrail policy"


def severities(**found: int | None) -> dict[str, object]:
    return {"categoriesAnalysis": [{"category": name, "severity": severity} for name, severity in found.items()]}


def test_each_text_is_moderated() -> None:
    entry = {**ENTRY, "categories": ["Hate"], "blocklistNames": ["ours"], "api_version": "2025-01-01"}
    verdict, calls = ask(MODERATIONS, entry, REQUEST, *[severities(Hate=1, Sexual=None)] * 3)

    assert calls[0].url == "https://mine.example/contentsafety/text:analyze?api-version=2025-01-01"
    assert [sent(call)["text"] for call in calls] == [text.text for text in REQUEST.texts]
    assert sent(calls[0]) == {
        "text": "be kind",
        "categories": ["Hate"],
        "blocklistNames": ["ours"],
        "haltOnBlocklistHit": False,
        "outputType": "FourSeverityLevels",
    }
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("thresholds", "found", "refused"),
    [
        ({}, {"Hate": 2}, "Hate crossed severity 2, Got severity: 2"),
        ({"severity_threshold": 0}, {"Hate": 0}, None),
        ({"severity_threshold": 4}, {"Hate": 2, "Violence": 6}, "Violence crossed severity 4, Got severity: 6"),
        ({"severity_threshold_by_category": {"Hate": 6}}, {"Hate": 4, "Violence": 6}, None),
        ({"severity_threshold": 2, "severity_threshold_by_category": {"Hate": 6}}, {"Hate": 4}, None),
    ],
)
def test_a_category_has_its_threshold(thresholds: dict[str, Any], found: dict[str, int], refused: str | None) -> None:
    verdict, _ = ask(MODERATIONS, {**ENTRY, **thresholds}, ANSWER, severities(**found))

    expected = f"Azure Content Safety Guardrail: {refused}"
    assert (verdict.reason if isinstance(verdict, Block) else None) == (refused and expected)


def test_a_word_of_a_blocklist_is_refused() -> None:
    answer = {**severities(Hate=0), "blocklistsMatch": [{"blocklistName": "ours", "blocklistItemText": "secret"}]}
    verdict, _ = ask(MODERATIONS, ENTRY, ANSWER, answer)

    assert isinstance(verdict, Block)
    assert "ours" in verdict.reason
    assert "secret" not in verdict.reason
