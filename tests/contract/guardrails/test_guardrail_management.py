"""Guardrails of the database: made, changed and taken away while the gateway serves; their secrets are never shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.guardrails.guarded_routes import GUARDED, LEADING_THROUGH, MANAGING, SILENT
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.judge import REASON, Judge

SECRET = "sk-vendor-9f8e7d6c5b4a"


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    params = {
        "guardrail": "generic_guardrail_api",
        "mode": "pre_call",
        "api_base": judge_process.url,
        "api_key": SECRET,
    }
    shouting = {"mode": "post_call", "api_base": f"{judge_process.url}/shouts"}
    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "guardrails": [
            {"guardrail_name": "of-file", "litellm_params": params, "guardrail_info": {"params": []}},
            {"guardrail_name": "shouts", "litellm_params": {**params, **shouting}},
        ],
        "general_settings": {
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
    }  # fmt: skip
    with Gateway(config, tmp_path_factory.mktemp("management"), edge=edge) as running:
        yield running


def entry(judge: Judge, name: str, **params: object) -> dict[str, Any]:
    usual = {"guardrail": "generic_guardrail_api", "mode": "pre_call", "api_base": judge.url, "api_key": SECRET}
    return {"guardrail": {"guardrail_name": name, "litellm_params": {**usual, **params}}}


def status(gateway: Gateway, text: str, *guardrails: str) -> int:
    turns = [{"role": "user", "content": text}]
    return gateway.chat({"model": "gpt-test", "messages": turns, "guardrails": list(guardrails)}).status_code


def names(gateway: Gateway) -> dict[str, str]:
    rows = gateway.client.get("/v2/guardrails/list").json()["guardrails"]
    return {row["guardrail_name"]: row["guardrail_definition_location"] for row in rows}


def test_a_guardrail_of_the_database_runs_without_a_restart(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert status(gateway, "forbidden", "kept") == 400  # nobody is called so
    made = gateway.post("/guardrails", entry(judge, "kept"))
    assert made.status_code == 200, made.text
    assert status(gateway, "hello", "kept") == 200
    assert status(gateway, "forbidden", "kept") == 400
    assert names(gateway) == {"kept": "db", "of-file": "config", "shouts": "config"}
    path = f"/guardrails/{made.json()['guardrail_id']}"
    info = gateway.client.get(f"{path}/info").json()
    assert info["litellm_params"]["api_base"] == judge.url
    for answer in (made.text, gateway.client.get(path).text, gateway.client.get("/v2/guardrails/list").text):
        assert SECRET not in answer
    changed = gateway.client.patch(path, json={"litellm_params": {"api_base": f"{judge.url}/broken"}})
    assert changed.status_code == 200, changed.text
    assert status(gateway, "hello", "kept") == 500
    shown = {**info["litellm_params"], "default_on": True}  # with its secret hidden, as pages send it back
    assert gateway.client.put(path, json={"guardrail": {"litellm_params": shown}}).status_code == 200
    assert status(gateway, "forbidden") == 400
    assert gateway.client.delete(path).status_code == 200
    assert status(gateway, "forbidden") == 200
    assert gateway.client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"guardrail": "wrods"}, "not a type"),
        ({"mode": "sometimes"}, "mode"),
        ({"api_base": None}, "api_base"),
        ({"api_base": "http://169.254.169.254/latest"}, "not public"),
        ({"guardrail": "custom_code", "custom_code": "def apply_guardrail(a, b, c): pass"}, "code"),
        ({"guardrail": "module.Class"}, "code"),
    ],
)  # fmt: skip
def test_what_would_not_run_is_not_kept(gateway: Gateway, judge: Judge, params: dict[str, object], said: str) -> None:
    answer = gateway.post("/guardrails", entry(judge, "wrong", **params))
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert "wrong" not in names(gateway)


def test_a_name_is_given_once_and_the_file_is_changed_in_the_file(gateway: Gateway, judge: Judge) -> None:
    assert gateway.post("/guardrails", entry(judge, "of-file")).status_code == 409
    of_file = gateway.client.get("/guardrails/of-file/info").json()
    assert SECRET not in str(of_file)
    assert gateway.client.delete(f"/guardrails/{of_file['guardrail_id']}").status_code == 400
    listed = gateway.client.get("/guardrails/list").json()["guardrails"]
    assert listed[0] == {"guardrail_name": "of-file", "guardrail_info": {"params": []}}


def test_the_older_gateways_body_is_read(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    config = {"mode": "pre_call", "api_base": f"{judge.url}/broken"}
    body = {"guardrail_name": "older", "guardrail_type": "generic_guardrail_api", "config": config}
    made = gateway.post("/guardrails", {**body, "failure_policy": "fail_open", "enabled": False})
    assert made.status_code == 200, made.text
    assert (made.json()["enabled"], made.json()["failure_policy"]) == (False, "fail_open")
    assert status(gateway, "hello", "older") == 400
    path = f"/guardrails/{made.json()['id']}"
    assert gateway.client.put(path, json={**body, "failure_policy": "fail_open", "enabled": True}).status_code == 200
    assert status(gateway, "hello", "older") == 200
    assert gateway.client.delete(path).status_code == 200


def test_what_a_team_submits_runs_when_it_was_approved(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    team = gateway.post("/team/new", {}).json()["team_id"]
    key = gateway.post("/key/generate", {"team_id": team}).json()["key"]
    own = {"authorization": f"Bearer {key}"}
    assert gateway.post("/guardrails/register", entry(judge, "ours", guardrail="lakera"), **own).status_code == 400
    for secret in ({"api_key": "os.environ/TIANJI_MASTER_KEY"}, {"headers": {"x": "os.environ/TIANJI_MASTER_KEY"}}):
        refused = gateway.post("/guardrails/register", entry(judge, "ours", **secret), **own)
        assert (refused.status_code, "os.environ/" in refused.text) == (400, True)
    made = gateway.post("/guardrails/register", entry(judge, "ours"), **own)
    assert made.status_code == 200, made.text
    assert (made.json()["status"], made.json()["team_id"]) == ("pending_review", team)
    assert gateway.post("/guardrails", entry(judge, "other"), **own).status_code == 401
    assert status(gateway, "hello", "ours") == 400
    listed = gateway.client.get("/guardrails/submissions", params={"status": "pending_review"}).json()["submissions"]
    path = f"/guardrails/submissions/{listed[0]['guardrail_id']}"
    assert gateway.post(f"{path}/approve", {}).json()["status"] == "active"
    assert status(gateway, "forbidden", "ours") == 400
    eventually(lambda: status(gateway, "hello", "ours") == 200, "it runs")
    assert gateway.post(f"{path}/reject", {}).json()["status"] == "rejected"
    assert status(gateway, "hello", "ours") == 400


def test_a_text_is_shown_to_a_guardrail(gateway: Gateway, judge: Judge) -> None:
    def shown(name: str, text: str, **more: object) -> Any:
        return gateway.post("/guardrails/apply_guardrail", {"guardrail_name": name, "text": text, **more})

    assert shown("of-file", "a secret").json() == {"response_text": "a [MASKED]"}
    assert shown("of-file", "hello").json() == {"response_text": "hello"}
    assert shown("shouts", "hello").json() == {"response_text": "HELLO"}
    refused = shown("of-file", "forbidden")
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, REASON)
    assert shown("nobody", "hello").status_code == 404


def test_a_team_may_keep_the_choice_of_guardrails_to_itself(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    def call(path: str, by: str = MASTER_KEY, **body: object) -> httpx.Response:
        return gateway.client.post(path, json=body, headers={"authorization": f"Bearer {by}"})

    for user in ("member", "head"):
        assert call("/user/new", user_id=user, auto_create_key=False).status_code == 200
    people = [{"role": "user", "user_id": "member"}, {"role": "admin", "user_id": "head"}]
    fixed = {"guardrails": {"modify_guardrails": False}}
    rights = ["/key/generate", "/key/update"]
    made = call("/team/new", team_id="fixed", members_with_roles=people, metadata=fixed, team_member_permissions=rights)
    assert made.status_code == 200, made.text
    own = call("/key/generate", user_id="member").json()["key"]
    made = call("/key/generate", team_id="fixed", user_id="member", guardrails=["of-file"]).json()
    in_team = made["key"]
    assert made["metadata"]["guardrails"] == ["of-file"]

    changes: list[dict[str, Any]] = [{"guardrails": []}, {"metadata": {"guardrails": []}}, {"policies": ["p"]}]
    for change in changes:
        refused = call("/key/update", own, key=in_team, **change)
        assert (refused.status_code, "guardrails" in refused.text) == (403, True), refused.text
    assert call("/key/update", own, key=in_team, guardrails=["of-file"], key_alias="same").status_code == 200
    assert call("/key/generate", own, team_id="fixed", guardrails=["shouts"]).status_code == 403
    assert call("/key/generate", own, team_id="fixed").status_code == 200

    said = {"model": "gpt-test", "messages": [{"role": "user", "content": "hello"}]}
    assert call("/v1/chat/completions", in_team, **said).status_code == 200
    refused = call("/v1/chat/completions", in_team, **said, guardrails=["shouts"])
    assert (refused.status_code, "modify guardrails" in refused.text) == (403, True)
    head = call("/key/generate", user_id="head").json()["key"]
    assert call("/key/update", head, key=in_team, guardrails=[]).status_code == 200


# -- every route -------------------------------------------------------------------------------------------------------


def test_every_route_says_how_it_is_guarded(gateway: Gateway) -> None:
    paths = gateway.client.get("/openapi.json").json()["paths"]
    known = SILENT.union(*GUARDED.values())
    unknown, seen = [], set()
    for path, methods in paths.items():
        for method, about in methods.items():
            tags = about.get("tags") or [""]
            seen.add((method, path))
            manages = tags[0] in MANAGING or (tags[0] == "guardrails" and ("post", path) not in known)
            if not (manages or LEADING_THROUGH in tags or (method, path) in known):
                unknown.append((method, path))
    assert unknown == [], f"{unknown}: say in guarded_routes.py how they are guarded, or that nothing is said on them"
    assert known - seen == set(), "there are no such routes any more"
    assert SILENT.isdisjoint(frozenset().union(*GUARDED.values()))


@pytest.mark.parametrize("proof", GUARDED)
def test_the_proof_is_there(proof: str) -> None:
    file, _, name = proof.partition("::")
    assert f"def {name}" in (Path(__file__).parents[1] / file).read_text()


def test_a_prompt_that_is_tried_is_guarded(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    secret = gateway.post("/key/generate", {"metadata": {"guardrails": ["of-file"]}}).json()["key"]
    prompt = "---\nmodel: gpt-test\n---\nUser: forbidden"
    body = {"dotprompt_content": prompt, "prompt_variables": {}}
    answer = gateway.post("/prompts/test", body, authorization=f"Bearer {secret}")
    assert (answer.status_code, answer.json()["error"]["message"], mock.requests()) == (400, REASON, [])
