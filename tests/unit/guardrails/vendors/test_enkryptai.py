from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block

CLEAN = {"summary": {"toxicity": [], "nsfw": 0, "pii": 0}}


def test_each_text_is_held_against_the_policy() -> None:
    verdict, calls = ask("enkryptai", {"api_key": KEY, "policy_name": "ours"}, REQUEST, CLEAN, CLEAN, CLEAN)

    assert {call.url for call in calls} == {"https://api.enkryptai.com/guardrails/policy/detect"}
    assert (calls[0].headers["apikey"], calls[0].headers["x-enkrypt-policy"]) == (KEY, "ours")
    assert [sent(call) for call in calls] == [{"text": text.text} for text in REQUEST.texts]
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("summary", "violated"),
    [({"toxicity": ["insult"], "pii": 0}, ("toxicity",)), ({"toxicity": [], "pii": 1, "nsfw": 1}, ("nsfw", "pii"))],
)
def test_any_hit_is_refused(summary: dict[str, Any], violated: tuple[str, ...]) -> None:
    verdict, (call,) = ask("enkryptai", {"api_key": KEY}, ANSWER, {"summary": summary, "details": {}})

    assert "x-enkrypt-policy" not in call.headers
    assert isinstance(verdict, Block)
    assert verdict.findings.categories == violated
