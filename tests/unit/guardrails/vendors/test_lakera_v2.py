from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Advise, Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}
NAME = {"start": 5, "end": 8, "text": "Ann", "detector_type": "pii/name", "labels": [], "message_id": 2}
MAIL = {"start": 10, "end": 18, "text": "ann@x.io", "detector_type": "pii/email", "labels": [], "message_id": 2}


def flagged(*kinds: str, payload: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    detected = [{"detector_type": kind, "detected": True} for kind in kinds]
    return {"flagged": True, "payload": payload, "breakdown": [*detected, {"detector_type": "x", "detected": False}]}


def test_the_conversation_is_sent() -> None:
    entry = {**ENTRY, "project_id": "p1", "metadata": {"a": 1}}
    verdict, (call,) = ask("lakera_v2", entry, REQUEST, {"flagged": False})

    assert (call.url, call.headers["authorization"]) == ("https://api.lakera.ai/v2/guard", f"Bearer {KEY}")
    assert sent(call) == {
        "messages": TURNS,
        "project_id": "p1",
        "metadata": {"a": 1},
        "payload": True,
        "breakdown": True,
        "dev_info": True,
    }
    assert verdict == Allow()


def test_personal_data_is_masked() -> None:
    said = flagged("pii/name", "pii/email", payload=[NAME, MAIL])
    verdict, _ = ask("lakera_v2", {**ENTRY, "on_flagged": "monitor"}, REQUEST, said)

    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {2: "I am [MASKED NAME], [MASKED EMAIL]"}


def test_an_answer_is_masked_at_its_own_places() -> None:
    own = {**NAME, "start": 6, "end": 9, "message_id": 3}
    verdict, (call,) = ask("lakera_v2", ENTRY, ANSWER, flagged("pii/name", payload=[NAME, own]))
    assert sent(call)["messages"] == ANSWERED
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "sure, [MASKED NAME]"}

    assert isinstance(ask("lakera_v2", ENTRY, ANSWER, flagged("pii/name", payload=[NAME]))[0], Allow)


@pytest.mark.parametrize(
    "said",
    [
        flagged("prompt_attack"),
        flagged("pii/name", "prompt_attack", payload=[NAME]),
        flagged("pii/name", payload=[]),
        {"flagged": True},
    ],
)
def test_everything_else_is_refused_without_what_was_found(said: dict[str, Any]) -> None:
    verdict, _ = ask("lakera_v2", ENTRY, REQUEST, said)

    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated guardrail policy"
    assert "Ann" not in str(verdict)


def test_the_model_may_be_told_instead() -> None:
    entry = {**ENTRY, "on_flagged": "inject_system_message", "advisory_system_message": "Careful: {reason} {x}"}
    verdict, _ = ask("lakera_v2", entry, REQUEST, flagged("prompt_attack"))

    assert isinstance(verdict, Advise)
    assert verdict.instructions == "Careful: prompt_attack {x}"


@pytest.mark.parametrize("place", [{"message_id": 3}, {"message_id": -1}, {"end": 99}])
def test_a_place_that_there_is_not_is_no_verdict(place: dict[str, int]) -> None:
    with pytest.raises(Unavailable):
        ask("lakera_v2", ENTRY, REQUEST, flagged("pii/name", payload=[{**NAME, **place}]))
