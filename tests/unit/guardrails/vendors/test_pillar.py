from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, named, sent

from tianji import __version__
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "on_flagged_action": "block"}


def flagged(**further: Any) -> dict[str, Any]:
    evidence = [{"category": "pii", "type": "name", "evidence": "Ann"}]
    scanners = {"pii": True, "jailbreak": False}
    return {"flagged": True, "session_id": "s 1", "scanners": scanners, "evidence": evidence, **further}


def test_the_conversation_is_sent_with_whose_it_is() -> None:
    occasion = replace(OCCASION, metadata={"pillar_session_id": "s9"})
    verdict, (call,) = ask("pillar", {**ENTRY, "async_mode": "true"}, REQUEST, {"flagged": False}, occasion=occasion)

    assert call.url == "https://api.pillar.security/api/v1/protect"
    assert call.headers == {
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
        "plr_scanners": "true",
        "plr_evidence": "true",
        "plr_async": "true",
        "x-litellm-key-name": "hash-1",
        "x-litellm-key-alias": "alias-1",
        "x-litellm-user-id": "user-1",
        "x-litellm-user-email": "u@x.io",
        "x-litellm-team-id": "team-1",
        "x-litellm-team-name": "team-one",
        "x-litellm-org-id": "org-1",
    }
    assert sent(call) == {
        "messages": TURNS,
        "tools": [],
        "metadata": {"source": "litellm", "version": __version__},
        "user_id": "user-1",
        "session_id": "s9",
        "model": "gpt-4o",
        "provider": "litellm",
    }
    assert isinstance(verdict, Allow)
    assert verdict.findings.headers == {"x-pillar-flagged": "false"}


def test_what_is_flagged_is_refused_without_what_was_found() -> None:
    verdict, (call,) = ask("pillar", ENTRY, ANSWER, flagged())

    assert sent(call)["messages"] == ANSWERED
    assert isinstance(verdict, Block)
    assert verdict.reason == "Blocked by Pillar Security Guardrail"
    response = verdict.detail["pillar_response"]
    assert (response["session_id"], response["scanners"]["pii"]) == ("s 1", True)
    assert response["evidence"] == [{"category": "pii", "type": "name"}]
    assert "Ann" not in str(verdict)
    assert verdict.findings.headers == {
        "x-pillar-flagged": "true",
        "x-pillar-session-id": "s%201",
        "x-pillar-scanners": "%7B%22pii%22%3Atrue%2C%22jailbreak%22%3Afalse%7D",
    }


def test_it_may_mask() -> None:
    masked = [*TURNS, {"content": "sure, ***"}]
    entry = {**ENTRY, "on_flagged_action": "mask"}
    verdict, _ = ask("pillar", entry, ANSWER, flagged(masked_session_messages=masked))
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "sure, ***"}

    with pytest.raises(Unavailable):
        ask("pillar", entry, ANSWER, flagged())


def test_it_only_notes_and_fails_open_as_the_vendor_has_it() -> None:
    assert named("pillar").monitors
    assert named("pillar").fails_open
