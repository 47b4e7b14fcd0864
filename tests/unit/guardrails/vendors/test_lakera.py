import pytest
from tests.unit.guardrails.vendors.driver import KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block, Unavailable


def answer(*, flagged: bool, **scores: float) -> dict[str, object]:
    return {"results": [{"flagged": flagged, "categories": {"jailbreak": flagged}, "category_scores": scores}]}


def test_the_conversation_is_sent() -> None:
    verdict, (call,) = ask("lakera", {"api_key": KEY}, REQUEST, answer(flagged=False))

    assert (call.url, call.headers["authorization"]) == ("https://api.lakera.ai/v1/prompt_injection", f"Bearer {KEY}")
    assert sent(call) == {"input": TURNS}
    assert verdict == Allow()


def test_what_is_flagged_is_refused() -> None:
    verdict, _ = ask("lakera", {"api_key": KEY}, REQUEST, answer(flagged=True))

    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated content safety policy"
    assert verdict.detail["lakera_ai_response"]["results"][0]["flagged"] is True


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({"jailbreak": 0.5, "prompt_injection": 0.1}, "Violated jailbreak threshold"),
        ({"jailbreak": 0.49, "prompt_injection": 0.9}, "Violated prompt_injection threshold"),
        ({"jailbreak": 0.49, "prompt_injection": 0.1}, None),
    ],
)
def test_thresholds_decide_in_the_vendors_place(scores: dict[str, float], reason: str | None) -> None:
    entry = {"api_key": KEY, "category_thresholds": {"jailbreak": 0.5, "prompt_injection": 0.8}}
    verdict, _ = ask("lakera", entry, REQUEST, answer(flagged=True, **scores))

    assert (verdict.reason if isinstance(verdict, Block) else None) == reason


def test_a_score_that_is_missing_passes_nothing() -> None:
    with pytest.raises(Unavailable):
        ask("lakera", {"api_key": KEY, "category_thresholds": {"jailbreak": 0.5}}, REQUEST, answer(flagged=False))
