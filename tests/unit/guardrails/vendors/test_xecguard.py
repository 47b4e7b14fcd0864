from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "policy_names": ["ours"]}
SAFE, UNSAFE = {"decision": "SAFE"}, {"decision": "UNSAFE", "violations": []}
DOCUMENTS = [{"document_id": "d1", "context": "Ann is away."}]


def test_the_conversation_is_scanned() -> None:
    verdict, (call,) = ask("xecguard", ENTRY, REQUEST, SAFE)

    assert call.url == "https://api-xecguard.cycraft.ai/xecguard/v1/scan"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {
        "model": "xecguard_v2",
        "scan_type": "input",
        "messages": TURNS,
        "policy_names": ["ours"],
    }
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("scan", "grounding", "failed"), [(SAFE, SAFE, None), (UNSAFE, SAFE, "scan"), (SAFE, UNSAFE, "grounding")]
)
def test_an_answer_is_held_against_documents(scan: object, grounding: object, failed: str | None) -> None:
    occasion = replace(OCCASION, metadata={"xecguard_grounding_documents": DOCUMENTS})
    verdict, calls = ask("xecguard", ENTRY, ANSWER, scan, grounding, occasion=occasion)

    assert (sent(calls[0])["scan_type"], sent(calls[0])["messages"]) == ("response", ANSWERED)
    assert calls[1].url == "https://api-xecguard.cycraft.ai/xecguard/v1/grounding"
    assert sent(calls[1]) == {
        "model": "xecguard_v2",
        "prompt": "I am Ann, ann@x.io",
        "response": "sure, Ann",
        "documents": DOCUMENTS,
        "strictness": "BALANCED",
    }
    assert (verdict.detail["xecguard"]["check"] if isinstance(verdict, Block) else None) == failed


def test_a_decision_that_is_not_known_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("xecguard", ENTRY, ANSWER, {"decision": "MAYBE"})
