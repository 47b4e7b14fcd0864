import json
from typing import Any

from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block

ENTRY: dict[str, Any] = {"akto_base_url": "https://akto.example/", "akto_api_key": KEY, "akto_account_id": 7}


def said(*, allowed: bool, reason: str = "") -> dict[str, Any]:
    return {"data": {"guardrailsResult": {"Allowed": allowed, "Reason": reason}}}


def test_a_request_is_mirrored() -> None:
    verdict, (call,) = ask("akto", ENTRY, REQUEST, said(allowed=True))

    assert call.url == "https://akto.example/api/http-proxy?akto_connector=litellm&guardrails=true"
    assert call.headers["authorization"] == KEY
    body = sent(call)
    assert json.loads(json.loads(body["requestPayload"])["body"]) == {"model": "gpt-4o", "messages": TURNS}
    assert (body["responsePayload"], body["responseHeaders"]) == ("{}", "{}")
    assert (body["path"], body["method"], body["ip"]) == ("/v1/chat/completions", "POST", "192.0.2.1")
    assert (body["akto_account_id"], body["akto_vxlan_id"], body["statusCode"]) == ("7", "0", "200")
    assert json.loads(body["tag"]) == {"gen-ai": "Gen AI", "user_id": "user-1", "team_id": "team-1"}
    assert verdict == Allow()


def test_an_answer_is_mirrored_and_kept_there() -> None:
    verdict, (call,) = ask("akto", ENTRY, ANSWER, said(allowed=False, reason="pii"))

    assert call.url.endswith("&guardrails=true&ingest_data=true")
    request = json.loads(json.loads(sent(call)["requestPayload"])["body"])
    assert request["messages"] == TURNS
    message = {"role": "assistant", "content": "sure, Ann"}
    response = json.loads(json.loads(sent(call)["responsePayload"])["body"])
    assert response == {"choices": [{"index": 0, "message": message}]}
    assert isinstance(verdict, Block)
    assert verdict.reason == "pii"
