"""What the operator demands of all requests: a user, no tags of clients, and not too many at a time."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import CHAT, Gateway, Mock, eventually, openai_model

CODE = """
from fastapi import HTTPException
from litellm.proxy._types import GenerateKeyRequest, UpdateKeyRequest
from litellm.proxy.management_helpers.team_metadata_validation import (
    TeamMetadataValidationPayload, TeamMetadataValidationResult,
)
from litellm.types.proxy.management_endpoints.key_management_endpoints import CustomKeyPolicyRequest

async def made(data: GenerateKeyRequest) -> dict:
    if data.key_alias == "broken":
        raise RuntimeError("canary-of-the-code")
    if data.key_alias == "raised":
        raise HTTPException(status_code=400, detail="not so")
    if data.key_alias == "odd":
        return True
    if data.key_alias == "homeless" and data.json()["team_id"] is None and data.dict()["models"] is None:
        return {"decision": False, "message": "No team id provided."}
    return {"decision": True}

def changed(data: UpdateKeyRequest) -> dict:
    return {"decision": data.max_budget is None}

async def stored(data: CustomKeyPolicyRequest) -> dict:
    before = None if data.existing_key is None else data.existing_key.tpm_limit
    if data.effective_key.soft_budget == 2.5 and data.request.duration == "1d" and data.effective_key.expires:
        return {"decision": False, "message": f"{data.operation} of a soft key"}
    if data.effective_key.tpm_limit == 13:
        return {"decision": False, "message": f"{data.operation} from {before} to {data.effective_key.tpm_limit}"}
    return {"decision": True}

async def described(data: TeamMetadataValidationPayload) -> TeamMetadataValidationResult:
    if data.metadata.get("cost_center") == "none":
        raise RuntimeError("no directory")
    said = f"{data.operation} by {data.requester.user_role}: cost_center is missing, it was {data.existing_metadata}"
    return TeamMetadataValidationResult(valid="cost_center" in data.metadata, error_message=said)
"""
SETTINGS = {
    "enforce_user_param": True,
    "reject_clientside_metadata_tags": True,
    "global_max_parallel_requests": 3,
    "search_tools": [],
    "custom_key_generate": "key_rules.made",
    "custom_key_update": "key_rules.changed",
    "custom_key_policy": "key_rules.stored",
    "custom_team_metadata_validate": "key_rules.described",
    "team_metadata_validation_error_message": "teams rest today",
    "team_metadata_schema": [{"key": "cost_center", "label": "Cost center"}],
    "disable_key_generate_for_org_admin": True,
    "health_check_details": False,
    "service_account_settings": {"enforced_params": ["metadata.job"]},
}

PAID = {"metadata": {"cost_center": "c-1"}}  # what the operator's own code wants of a team


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    models = [openai_model(name, f"{name}-up", mock_process.url) for name in ("m", "held")]
    models.append(openai_model("rationed", "m-up", mock_process.url, default_api_key_rpm_limit=1))
    config = {
        "model_list": models,
        "general_settings": SETTINGS,
        "router_settings": {"num_retries": 0},
        "litellm_settings": {
            "max_internal_user_budget": 5,
            "internal_user_budget_duration": "30d",
            "blocked_user_list": ["mallory"],
            "callbacks": ["blocked_user_check"],
            "key_alias_pattern": "[a-z]+(-[0-9]+)?",
            "disable_end_user_cost_tracking": True,
        },
    }
    folder = tmp_path_factory.mktemp("demands")
    (folder / "key_rules.py").write_text(CODE)
    with Gateway(config, folder, edge=edge, workers=3) as running:
        yield running


def ask(
    gateway: Gateway, path: str = "/v1/chat/completions", more: dict[str, str] | None = None, **members: Any
) -> Any:
    headers = {"anthropic-version": "2023-06-01"} | (more or {})
    return gateway.client.post(path, json={**CHAT, "model": "m", "max_tokens": 5, **members}, headers=headers)


def test_a_request_without_a_user_is_refused_in_the_words_of_its_dialect(gateway: Gateway, mock: Mock) -> None:
    refused = ask(gateway)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "user")
    assert ask(gateway, user=None).status_code == 400
    assert ask(gateway, user="ann").status_code == 200
    refused = ask(gateway, "/v1/messages")
    assert refused.status_code == 400
    assert refused.json()["type"] == "error"
    assert ask(gateway, "/v1/messages", metadata={"user_id": "ann"}).status_code == 200
    assert len(mock.requests()) == 2


@pytest.mark.parametrize(
    ("members", "headers", "param"),
    [
        ({"metadata": {"tags": ["a"]}}, {}, "metadata.tags"),
        ({"metadata": {"tags": []}}, {}, "metadata.tags"),
        ({"litellm_metadata": {"tags": ["a"]}}, {}, "litellm_metadata.tags"),
        ({"tags": ["a"]}, {}, "tags"),
        ({}, {"x-litellm-tags": "a"}, "x-litellm-tags"),
        ({}, {"x-tianji-tags": "a"}, "x-tianji-tags"),
    ],
)
def test_tags_of_clients_are_refused_wherever_they_stand(
    gateway: Gateway, mock: Mock, members: dict[str, Any], headers: dict[str, str], param: str
) -> None:
    refused = ask(gateway, more=headers, user="ann", **members)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param, refused.text
    assert refused.json()["error"]["type"] == "invalid_request_error"
    if "metadata" in members:
        refused = ask(gateway, "/v1/messages", metadata={"user_id": "ann", **members["metadata"]})
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert not mock.requests()


def test_tags_of_keys_count_and_other_metadata_passes(gateway: Gateway) -> None:
    key = gateway.post("/key/generate", {"metadata": {"tags": ["mine"]}}).json()["key"]
    answer = ask(gateway, more={"authorization": f"Bearer {key}"}, user="ann", metadata={"note": "x"})
    assert answer.status_code == 200, answer.text


def test_keys_and_service_accounts_have_demands_of_their_own(gateway: Gateway) -> None:
    def refused(key: dict[str, Any], path: str = "/key/generate", **members: Any) -> str | None:
        made = gateway.post(path, key).json()["key"]
        answer = ask(gateway, more={"authorization": f"Bearer {made}"}, user="ann", **members)
        assert answer.status_code in (200, 400), answer.text
        return str(answer.json()["error"]["param"]) if answer.status_code == 400 else None

    account = {"metadata": {"service_account_id": "nightly"}}
    assert refused(account) == "metadata.job"
    assert refused(account, metadata={"job": "j"}) is None
    assert gateway.post("/team/new", {"team_id": "night", **PAID}).status_code == 200
    assert refused({"team_id": "night"}, "/key/service-account/generate") == "metadata.job"
    assert refused({"enforced_params": ["seed"]}) == "seed"
    assert refused({"enforced_params": ["seed"]}, seed=1) is None
    assert refused({}) is None


def test_the_operators_own_code_says_which_keys_there_are(gateway: Gateway) -> None:
    def made(alias: str, path: str = "/key/generate", **more: Any) -> tuple[int, str]:
        answer = gateway.post(path, {"key_alias": alias, **more})
        return answer.status_code, answer.text

    status, text = made("homeless")
    assert (status, "No team id provided." in text) == (403, True)
    status, text = made("raised")
    assert (status, "not so" in text) == (400, True)
    for alias in ("broken", "odd"):
        status, text = made(alias)
        assert (status, "canary" in text) == (503, False)
    assert "canary-of-the-code" in gateway.log
    assert gateway.post("/team/new", {"team_id": "housed", **PAID}).status_code == 200
    assert made("broken", "/key/service-account/generate", team_id="housed")[0] == 503
    status, text = made("homeless", team_id="housed")
    assert status == 200
    key = json.loads(text)["key"]
    assert gateway.post("/key/update", {"key": key, "max_budget": 1}).status_code == 403
    assert gateway.post("/key/update", {"key": key, "key_alias": "renamed"}).status_code == 200


def test_the_operators_own_code_judges_a_key_as_it_would_be_stored(gateway: Gateway) -> None:
    def refused(path: str, **fields: Any) -> str:
        answer = gateway.post(path, fields)
        assert answer.status_code == 403, answer.text
        return str(answer.json()["error"]["message"])

    assert refused("/key/generate", tpm_limit=13) == "generate from None to 13"
    key = gateway.post("/key/generate", {"tpm_limit": 12, "soft_budget": 3}).json()["key"]
    assert refused("/key/update", key=key, tpm_limit=13) == "update from 12 to 13"
    assert refused(f"/key/{key}/regenerate", tpm_limit=13) == "regenerate from 12 to 13"
    assert gateway.client.get(f"/key/info?key={key}").json()["info"]["tpm_limit"] == 12
    assert refused("/key/generate", duration="1d", soft_budget=2.5) == "generate of a soft key"


def test_the_operators_own_code_judges_the_metadata_of_teams(gateway: Gateway) -> None:
    fields = gateway.client.get("/team/metadata_schema").json()["fields"]
    assert fields == [{"key": "cost_center", "label": "Cost center"}]
    refused = gateway.post("/team/new", {"team_id": "poor"})
    assert refused.status_code == 400
    message = refused.json()["error"]["message"]
    assert message == "create by proxy_admin: cost_center is missing, it was None"
    assert gateway.post("/team/new", {"team_id": "rich", **PAID}).status_code == 200
    refused = gateway.post("/team/update", {"team_id": "rich", "metadata": {"other": 1}})
    assert (refused.status_code, "it was {'cost_center': 'c-1'}" in refused.text) == (400, True)
    refused = gateway.post("/team/update", {"team_id": "rich", "metadata": {"cost_center": "none"}})
    assert (refused.status_code, refused.json()["error"]["message"]) == (503, "teams rest today")
    assert gateway.post("/team/update", {"team_id": "rich", "tpm_limit": 5}).status_code == 200


def test_health_says_no_more_than_who_answers(gateway: Gateway) -> None:
    shown = gateway.client.get("/health?model=m").json()["healthy_endpoints"]
    assert [sorted(one) for one in shown] == [["model", "model_id"]]


def test_keys_are_called_as_the_configuration_demands(gateway: Gateway) -> None:
    key = gateway.post("/key/generate", {"key_alias": "team-1"}).json()["key"]
    for alias in ("Team-1", "team-1 ", "team-1\n", "a" * 256):
        for path, fields in (("/key/generate", {}), ("/key/update", {"key": key})):
            refused = gateway.post(path, {"key_alias": alias, **fields})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "key_alias"), alias
    assert gateway.post("/key/update", {"key": key, "key_alias": "team-1", "tpm_limit": 3}).status_code == 200


def test_administrators_of_organizations_make_no_keys(gateway: Gateway) -> None:
    assert gateway.post("/organization/new", {"organization_id": "org", "organization_alias": "o"}).status_code == 200
    member = {"role": "org_admin", "user_id": "boss"}
    assert gateway.post("/organization/member_add", {"organization_id": "org", "member": member}).status_code == 200
    key = gateway.post("/key/generate", {"user_id": "boss"}).json()["key"]
    refused = gateway.post("/key/generate", {}, authorization=f"Bearer {key}")
    assert (refused.status_code, "organizations" in refused.text) == (403, True), refused.text


def test_a_key_has_of_a_model_what_its_deployments_say(gateway: Gateway) -> None:
    keys = [gateway.post("/key/generate", {}).json()["key"] for _ in range(2)]
    freed = gateway.post("/key/generate", {"model_rpm_limit": {"rationed": 9}}).json()["key"]

    def asked(key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        return int(ask(gateway, more=headers, user="ann", model="rationed").status_code)

    assert [asked(key) for key in (*keys, *keys, freed, freed)] == [200, 200, 429, 429, 200, 200]


def test_a_customer_is_blocked_by_the_configuration(gateway: Gateway, mock: Mock) -> None:
    refused = ask(gateway, user="mallory")
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "auth_error")
    headers = {"x-litellm-customer-id": "mallory"}
    assert ask(gateway, "/v1/messages", headers, metadata={"user_id": "ann"}).status_code == 401
    assert mock.requests() == []


def test_a_plain_user_has_the_budget_of_the_settings(gateway: Gateway) -> None:
    made = gateway.post("/user/new", {"user_id": "plain"}).json()
    assert (made["max_budget"], made["budget_duration"]) == (5.0, "30d")
    own = gateway.post("/user/new", {"user_id": "own", "max_budget": 7, "budget_duration": "1d"}).json()
    assert (own["max_budget"], own["budget_duration"]) == (7.0, "1d")


def test_no_more_than_so_many_at_a_time_whoever_asks_whichever_worker(gateway: Gateway, mock: Mock) -> None:
    mock.control({"stall_at": 3}, model="held-up")
    keys = [gateway.post("/key/generate", {}).json()["key"] for _ in range(3)]
    with ExitStack() as open_streams:
        for key in keys:
            client = open_streams.enter_context(httpx.Client(base_url=gateway.url))
            stream = client.stream(
                "POST", "/v1/chat/completions", json={**CHAT, "model": "held", "user": "u", "stream": True},
                headers={"authorization": f"Bearer {key}"},
            )  # fmt: skip
            assert open_streams.enter_context(stream).status_code == 200
        for _ in range(4):
            with httpx.Client(base_url=gateway.url) as client:  # and so perhaps another worker
                headers = {"authorization": f"Bearer {keys[0]}"}
                refused = client.post("/v1/chat/completions", json={**CHAT, "model": "m", "user": "u"}, headers=headers)
            assert (refused.status_code, refused.headers["rate_limit_type"]) == (429, "max_parallel_requests")
            assert int(refused.headers["retry-after"]) >= 1
    eventually(lambda: ask(gateway, user="ann").status_code == 200, "who left has given his place back")


def test_what_all_spend_together_has_an_end_and_words_are_banned(
    edge: str, mock_process: Mock, mock: Mock, tmp_path: Path
) -> None:
    priced = openai_model("m", "m-up", mock_process.url, input_cost_per_token=0, output_cost_per_token=0.002)
    unpriced = openai_model("unpriced", "unpriced-up", mock_process.url)
    settings = {
        "max_budget": 0.015,
        "callbacks": ["banned_keywords"],
        "banned_keywords_list": ["forbidden-word"],
        "tag_budget_config": {"campaign": {"budget_limit": 0.01, "time_period": "1d"}},
        "block_requests_for_models_without_pricing": True,
    }
    config = {"model_list": [priced, unpriced], "litellm_settings": settings}
    with Gateway(config, tmp_path, edge=edge, workers=2) as running:
        refused = ask(running, messages=[{"role": "user", "content": "say Forbidden-Word"}])
        assert (refused.status_code, mock.requests()) == (400, []), refused.text
        assert "not served" not in running.log
        refused = ask(running, model="unpriced")
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "model_cost_map_missing")
        keys = [running.post("/key/generate", {}).json()["key"] for _ in range(3)]

        def asked(key: str, **more: Any) -> Any:  # five tokens, a cent each
            return ask(running, more={"authorization": f"Bearer {key}"}, **more)

        tagged = [asked(key, metadata={"tags": ["campaign"]}) for key in keys[:2]]
        assert [answer.status_code for answer in tagged] == [200, 422]
        assert "campaign" in tagged[1].json()["error"]["message"]
        answers = [asked(key) for key in keys[1:]]
        assert [answer.status_code for answer in answers] == [200, 422]
        assert "Proxy=" in answers[1].json()["error"]["message"]
    assert len(mock.requests()) == 2
