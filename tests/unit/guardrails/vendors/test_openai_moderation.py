from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block, Findings

ENTRY = {"api_key": KEY}
SCORES = {"hate": 0.9, "violence": 0.1}


def answer(*, flagged: bool) -> dict[str, object]:
    categories = {"hate": flagged, "violence": False}
    return {"id": "modr-1", "results": [{"flagged": flagged, "categories": categories, "category_scores": SCORES}]}


def test_all_texts_are_asked_about_at_once() -> None:
    verdict, (call,) = ask("openai_moderation", ENTRY, REQUEST, answer(flagged=False))

    assert (call.method, call.url) == ("POST", "https://api.openai.com/v1/moderations")
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {"model": "omni-moderation-latest", "input": "be kind\nhello\nI am Ann, ann@x.io"}
    assert verdict == Allow(findings=Findings(scan_id="modr-1"))


def test_what_is_flagged_is_refused_with_its_categories() -> None:
    entry = {**ENTRY, "api_base": "http://here/v1/moderations/", "model": "text-moderation-latest"}
    verdict, (call,) = ask("openai_moderation", entry, ANSWER, answer(flagged=True))

    assert call.url == "http://here/v1/moderations"
    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated OpenAI moderation policy"
    assert verdict.detail == {"moderation_result": {"violated_categories": ("hate",), "category_scores": SCORES}}
    assert verdict.findings.categories == ("hate",)
