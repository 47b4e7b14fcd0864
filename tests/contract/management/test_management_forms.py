"""Programs written for LiteLLM's management API find each of its core and common requests, and their members."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import BOOKS, CHAT, Gateway, Mock, eventually, openai_model
from tests.contract.management.management_forms import FORMS, Form


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One that has served a request of a team, for a customer under a tag, and one that its upstream refused."""
    config = {
        "model_list": [openai_model("m", "gpt-4o", mock_process.url)],
        "router_settings": {
            "num_retries": 0,
            "provider_budget_config": {"openai": {"budget_limit": 1000, "time_period": "1d"}},
        },
        "general_settings": {"store_model_in_db": True},
    }
    with Gateway(config, tmp_path_factory.mktemp("forms"), edge=edge, env=BOOKS) as running:
        chat = CHAT | {"model": "m"}
        team = {"team_id": "first"}
        assert running.post("/team/new", team).status_code == 200
        key = running.post("/key/generate", team).json()["key"]
        running.chat(chat | {"user": "c", "metadata": {"tags": ["t"]}}, authorization=f"Bearer {key}")
        mock_process.reset()  # whatever others have left there
        mock_process.control({"status": 429}, times=1)
        assert running.chat(chat).status_code == 429
        eventually(lambda: len(running.client.get("/spend/logs").json()) == 2, "both are in the ledger", 60)
        yield running


def key_of_a_user(gateway: Gateway, **fields: object) -> str:
    return str(gateway.post("/user/new", fields).json()["key"])


def told(answer: Any, at: str) -> Any:
    for step in at.split():
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def problem(gateway: Gateway, form: Form) -> str | None:
    """Send a form, and say what is wrong with its answer."""
    query, body = (form.said, None) if form.method == "GET" else (None, dict(form.said))
    answer = gateway.client.request(form.method, form.path, params=query, json=body)
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:200]}"
    try:
        missing = set(form.members.split()) - set(told(answer.json(), form.at) if form.members else ())
    except (LookupError, TypeError) as error:
        return f"nothing is at {form.at}: {error!r} in {answer.text[:200]}"
    return f"lacks {sorted(missing)} at {form.at!r}" if missing else None


def test_programs_find_what_they_know(gateway: Gateway) -> None:
    problems = {f"{form.method} {form.path}": found for form in FORMS if (found := problem(gateway, form))}
    assert problems == {}


def test_the_cost_of_requests_is_told_without_one(gateway: Gateway) -> None:
    asked = {"model": "m", "input_tokens": 1000, "output_tokens": 100, "num_requests_per_day": 10}
    cost = gateway.post("/cost/estimate", asked).json()
    # gpt-4o: 2.5 and 10 dollars a million
    assert (cost["cost_per_request"], cost["input_cost_per_request"], cost["output_cost_per_request"]) == (
        0.0035, 0.0025, 0.001,
    )  # fmt: skip
    assert (cost["daily_cost"], cost["monthly_cost"]) == (0.035, None)
    assert (cost["input_cost_per_token"], cost["output_cost_per_token"]) == (2.5e-6, 1e-5)
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    answer = {"model": "gpt-4o-2024-08-06", "usage": usage}
    assert gateway.post("/spend/calculate", {"completion_response": answer}).json() == {"cost": 0.003}
    for path, wrong, status in (
        ("/cost/estimate", {"model": "m", "input_tokens": -1}, 400),
        ("/cost/estimate", {"model": "m", "input_tokens": 2**70}, 400),
        ("/cost/estimate", {"model": "nobody's"}, 404),
        ("/spend/calculate", {"model": "m"}, 400),
        ("/spend/calculate", {"completion_response": {"model": "m"}}, 400),
    ):
        assert gateway.post(path, wrong).status_code == status, wrong
    key = key_of_a_user(gateway, models=["other"])
    assert gateway.post("/cost/estimate", asked, authorization=f"Bearer {key}").status_code == 403


def test_keys_of_a_team_are_changed_in_one_go(gateway: Gateway) -> None:
    gateway.post("/team/new", {"team_id": "many", "max_budget": 5})
    ours = [gateway.post("/key/generate", {"team_id": "many"}).json() for _ in range(2)]
    other = gateway.post("/key/generate", {}).json()
    change = {"team_id": "many", "key_ids": [ours[0]["key"], other["key"]], "update_fields": {"rpm_limit": 3}}
    answer = gateway.post("/team/key/bulk_update", change).json()
    assert [one["key_info"]["rpm_limit"] for one in answer["successful_updates"]] == [3]
    assert [one["key"] for one in answer["failed_updates"]] == [other["key"]]
    every = {"team_id": "many", "all_keys_in_team": True, "update_fields": {"max_budget": 9}}
    answer = gateway.post("/team/key/bulk_update", every).json()
    assert (answer["total_requested"], len(answer["failed_updates"])) == (2, 2)  # a child has no more than its parent
    for wrong in (
        {**every, "update_fields": {"team_id": "another"}},
        {**every, "update_fields": {"user_id": "u"}},
        {**every, "key_ids": [ours[0]["key"]]},
        {"team_id": "many", "update_fields": {"rpm_limit": 1}},
    ):
        assert gateway.post("/team/key/bulk_update", wrong).status_code == 422, wrong
    stranger = key_of_a_user(gateway)
    assert gateway.post("/team/key/bulk_update", every, authorization=f"Bearer {stranger}").status_code == 403


def test_a_deployment_shows_its_credential_masked(gateway: Gateway) -> None:
    secret = "canary-of-a-deployment-42"
    model = {
        "model_name": "masked", "litellm_params": {"model": "openai/x", "api_key": secret}, "model_info": {"id": "mm"},
    }  # fmt: skip
    assert gateway.post("/model/new", model).status_code == 200
    shown = gateway.client.get("/credentials/by_model/mm")
    assert shown.json()["credential_values"] == {"api_key": "****t-42"}
    assert secret not in shown.text
    assert gateway.client.get("/credentials/by_model/nobody").status_code == 404


def test_a_429_is_told_by_day_and_upstream(gateway: Gateway) -> None:
    whole = gateway.client.get("/global/activity/exceptions", params={"model_group": "m"}).json()
    assert whole["sum_num_rate_limit_exceptions"] == 1
    assert [day["num_rate_limit_exceptions"] for day in whole["daily_data"]] == [1]
    (one,) = gateway.client.get("/global/activity/exceptions/deployment", params={"model_group": "m"}).json()
    assert one["sum_num_rate_limit_exceptions"] == 1
    none = {"model_group": "another"}
    assert gateway.client.get("/global/activity/exceptions/deployment", params=none).json() == []


def test_a_project_stands_between_a_team_and_its_keys(gateway: Gateway) -> None:
    team = {"team_id": "with-projects", "models": ["m"], "max_budget": 5}
    assert gateway.post("/team/new", team).status_code == 200
    project = {"project_id": "p1", "team_id": "with-projects", "max_budget": 0.00004, "models": ["m"]}
    for wrong in ({"max_budget": 6}, {"models": ["another"]}, {"team_id": "nobody's"}):
        assert gateway.post("/project/new", project | wrong).status_code in (400, 404), wrong
    assert gateway.post("/project/new", project).status_code == 200
    asked = {"team_id": "with-projects", "project_id": "p1"}
    for wrong in ({"max_budget": 1}, {"team_id": None}, {"project_id": "another"}):
        assert gateway.post("/key/generate", asked | wrong).status_code == 400, wrong
    keys = [gateway.post("/key/generate", asked).json()["key"] for _ in range(2)]
    by = {"authorization": f"Bearer {keys[0]}"}
    chat = CHAT | {"model": "m"}
    assert gateway.chat(chat, **by).status_code == 200
    # what one key has spent is of the whole project
    refused = gateway.chat(chat, authorization=f"Bearer {keys[1]}")
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "budget_exceeded")
    query = {"project_id": "p1"}
    spent = eventually(lambda: gateway.client.get("/project/info", params=query).json()["spend"], "it has spent", 60)
    assert spent == gateway.client.get("/key/info", params={"key": keys[0]}).json()["info"]["spend"]
    assert gateway.post("/project/update", query | {"max_budget": 1, "model_rpm_limit": {"m": 0}}).status_code == 200
    assert gateway.chat(chat, **by).json()["error"]["type"] == "throttling_error"
    other = {"model_rpm_limit": None, "model_itpm_limit": {"m": 1}}
    assert gateway.post("/project/update", query | other).status_code == 200
    assert gateway.chat(chat, **by).json()["error"]["type"] == "throttling_error"
    other = {"model_itpm_limit": None, "blocked": True}
    assert gateway.post("/project/update", query | other).status_code == 200
    assert gateway.chat(chat, **by).status_code == 401
    assert (
        gateway.post("/project/update", query | {"blocked": False, "models": ["no-default-models"]}).status_code == 200
    )
    assert gateway.chat(chat, **by).json()["error"]["type"] == "project_model_access_denied"
    info = gateway.client.get("/key/info", params={"key": keys[0]}).json()["info"]
    assert info["litellm_project_table"]["project_id"] == "p1"
    assert gateway.client.request("DELETE", "/project/delete", json={"project_ids": ["p1"]}).status_code == 400
    gateway.post("/key/delete", {"keys": keys})
    assert gateway.client.request("DELETE", "/project/delete", json={"project_ids": ["p1"]}).status_code == 200
