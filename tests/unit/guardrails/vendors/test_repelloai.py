from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, answer, ask, sent

from tianji.guardrails.verdict import Allow, Block, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "asset_id": "a1"}
POLICIES = [{"policy_name": "pii", "action_taken": "block"}, {"details": {"score": 1}}]


def test_everything_said_is_analyzed_for_the_asset() -> None:
    verdict, (call,) = ask("repelloai", ENTRY, REQUEST, {"verdict": "passed"})

    assert (call.url, call.headers["x-api-key"]) == ("https://argusapi.repello.ai/sdk/v1/analyze/prompt", KEY)
    text = "be kind\nhello\nI am Ann, ann@x.io"
    assert sent(call) == {"asset_id": "a1", "scan_data": {"prompt": text}}
    assert verdict == Allow()


@pytest.mark.parametrize(("word", "refused"), [("blocked", True), ("flagged", False), ("passed", False), ("odd", True)])
def test_a_verdict_that_is_not_known_blocks(word: str, refused: bool) -> None:
    verdict, (call,) = ask("repelloai", ENTRY, ANSWER, {"verdict": word, "policies_violated": POLICIES})

    assert call.url.endswith("/analyze/response")
    assert sent(call)["scan_data"] == {"response": "sure, Ann"}
    assert isinstance(verdict, Block) is refused
    assert verdict.findings.categories == ("pii", "unknown_policy")


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (422, True), (409, False), (500, False)])
def test_an_asset_that_there_is_not_passes_nothing(status: int, permanent: bool) -> None:
    with pytest.raises(Unavailable) as raised:
        ask("repelloai", ENTRY, ANSWER, answer({}, status))

    assert raised.value.permanent is permanent
