"""Deployments of the database through the running gateway: kept, served, described, changed, gone, on every worker."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import CHAT, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model
from tests.contract.management.managing import ask, good

SECRET = "sk-kept-in-the-database-0815"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("models")
    settings = {"store_model_in_db": True, "database_url": f"sqlite:///{folder / 'test.db'}"}
    config = {
        "model_list": [{**openai_model("m", "gpt-test", mock_process.url), "model_info": {"id": "of-file"}}],
        "general_settings": settings,
        "router_settings": {"fallbacks": [{"m": ["of-file"]}]},
        "litellm_settings": {"provider_url_destination_allowed_hosts": ["127.0.0.1"]},
    }
    with Gateway(config, folder, edge=edge, workers=2, env={"PRIVATE": "sk-of-the-gateway-itself"}) as running:
        yield running


def refused(gateway: Gateway, status: int, method: str, path: str, by: str | None = None, **fields: Any) -> str:
    answer = ask(gateway, method, path, by, **fields)
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"]["message"])


def params(mock: Mock, **more: Any) -> dict[str, Any]:
    return {"model": "openai/gpt-kept", "api_base": f"{mock.url}/v1", "api_key": SECRET, **more}


def body(mock: Mock) -> dict[str, Any]:
    """Return the body of the latest request upstream."""
    found: dict[str, Any] = json.loads(mock.last()["body"])
    return found


def key_of(mock: Mock) -> str:
    """Return the credential of the latest request upstream."""
    return str(dict(mock.last()["headers"])["authorization"])


def statuses(gateway: Gateway, model: str, key: str | None = None) -> set[int]:
    """Call over connections of their own, so that each worker is asked."""
    head = {"authorization": f"Bearer {key or gateway.key}", "connection": "close"}
    return {
        gateway.client.post("/v1/chat/completions", json={**CHAT, "model": model}, headers=head).status_code
        for _ in range(12)
    }


def sent(gateway: Gateway, mock: Mock, member: str) -> list[Any]:
    """Call `renamed` as statuses() does and return what went upstream of one member."""
    mock.reset()
    statuses(gateway, "renamed")
    return [json.loads(request["body"]).get(member) for request in mock.requests()]


def everywhere(gateway: Gateway, model: str, status: int, key: str | None = None) -> None:
    eventually(lambda: statuses(gateway, model, key) == {status}, f"{model} answers {status} on every worker")


def test_a_model_comes_changes_and_goes(gateway: Gateway, mock: Mock) -> None:
    made = good(gateway, "POST", "/model/new", model_name="kept", litellm_params=params(mock), model_info={"id": "k1"})
    assert (made["model_id"], made["model_name"], made["model_info"]["id"]) == ("k1", "kept", "k1")
    assert SECRET not in str(made)
    everywhere(gateway, "kept", 200)
    assert body(mock)["model"] == "gpt-kept"
    assert key_of(mock) == f"Bearer {SECRET}"
    assert "kept" in gateway.models()
    good(
        gateway,
        "POST",
        "/model/update",
        model_name="renamed",
        litellm_params={"model": "openai/other"},
        model_info={"id": "k1"},
    )
    everywhere(gateway, "kept", 404)
    everywhere(gateway, "renamed", 200)
    assert body(mock)["model"] == "other"
    assert key_of(mock) == f"Bearer {SECRET}"
    good(gateway, "PATCH", "/model/k1/update", litellm_params={"temperature": 0.5})
    eventually(lambda: sent(gateway, mock, "temperature") == [0.5] * 12, "every worker sends the temperature")
    good(gateway, "PATCH", "/model/k1/update", litellm_params={"temperature": None})
    good(gateway, "POST", "/model/block", model_id="k1")
    eventually(lambda: 200 not in statuses(gateway, "renamed"), "a blocked model is not called")
    good(gateway, "POST", "/model/unblock", model_id="k1")
    everywhere(gateway, "renamed", 200)
    assert sent(gateway, mock, "temperature") == [None] * 12
    assert refused(
        gateway, 409, "POST", "/model/new", model_name="k", litellm_params=params(mock), model_info={"id": "k1"}
    )
    good(gateway, "POST", "/model/delete", id="k1")
    everywhere(gateway, "renamed", 404)
    assert statuses(gateway, "m") == {200}
    assert refused(gateway, 404, "POST", "/model/delete", id="k1")
    assert "configuration file" in refused(gateway, 400, "POST", "/model/delete", id="of-file")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "nobody/x", "api_base": None}, "nobody"),
        ({"rpm": "many"}, "litellm_params.rpm: must be"),
        ({"rpm": -1}, "litellm_params.rpm: must not be negative"),
        ({"api_base": "http://169.254.169.254/v1"}, "not public"),
        ({"api_base": "http://10.0.0.1/v1"}, "provider_url_destination_allowed_hosts"),
        ({"api_base": "http://metadata.google.internal/v1"}, "metadata"),
        ({"api_base": "ftp://example.com"}, "http"),
        ({"input_cost_per_token": "much"}, "input_cost_per_token"),
        ({"litellm_credential_name": "none"}, "no such credential"),
        ({"model": "auto_router/x"}, "auto router"),
        ({"ssl_verify": "/no/such/file", "api_base": "https://api.example.com/v1"}, "ssl_verify"),
    ],
)
def test_what_cannot_be_served_is_not_stored(gateway: Gateway, mock: Mock, fields: dict[str, Any], said: str) -> None:
    before = len(good(gateway, "GET", "/model/info")["data"])
    assert said in refused(gateway, 400, "POST", "/model/new", model_name="bad", litellm_params=params(mock, **fields))
    assert len(good(gateway, "GET", "/model/info")["data"]) == before
    assert ask(gateway, "POST", "/model/new", model_name="bad").status_code == 422
    assert refused(
        gateway, 400, "POST", "/model/new", model_name="b", litellm_params=params(mock), model_info={"id": "of-file"}
    )


def test_a_name_is_judged_by_where_it_leads(gateway: Gateway, mock: Mock) -> None:
    """The host of the same mock that nobody allowed: its name may be kept, and is never connected to."""
    hidden = params(mock, api_base=f"http://localhost:{mock.port}/v1", num_retries=0)
    good(gateway, "POST", "/model/new", model_name="inside", litellm_params=hidden, model_info={"id": "k6"})
    eventually(lambda: 404 not in statuses(gateway, "inside"), "every worker has it")
    assert statuses(gateway, "inside") == {500}
    assert mock.requests() == []
    assert statuses(gateway, "m") == {200}
    good(gateway, "POST", "/model/delete", id="k6")


def test_models_are_described_without_secrets(gateway: Gateway, mock: Mock) -> None:
    told = {
        "input_cost_per_token": 1e-6,
        "extra_headers": {"x-odd": "hidden-header"},
        "rpm": 60,
        "aws_role_name": "hidden-role",
    }
    info = {"id": "k2", "access_groups": ["beta"], "note": "kept"}
    good(gateway, "POST", "/model/new", model_name="described", litellm_params=params(mock, **told), model_info=info)
    everywhere(gateway, "described", 200)
    answer = ask(gateway, "GET", "/v1/model/info", litellm_model_id="k2")
    assert not [secret for secret in (SECRET, "hidden", UPSTREAM_KEY) if secret in answer.text]
    row = answer.json()["data"][0]
    assert (row["model_name"], row["litellm_params"]["rpm"], row["litellm_params"]["model"]) == (
        "described",
        60,
        "openai/gpt-kept",
    )
    assert (row["model_info"]["db_model"], row["model_info"]["note"]) == (True, "kept")
    assert row["model_info"]["input_cost_per_token"] == 1e-6
    key = good(gateway, "POST", "/key/generate", models=["beta"])["key"]
    mine = good(gateway, "GET", "/model/info", key)["data"]
    assert [(row["model_name"], "api_base" in row["litellm_params"]) for row in mine] == [("described", False)]
    assert statuses(gateway, "m", key) == {403}
    everywhere(gateway, "described", 200, key)
    assert refused(gateway, 400, "GET", "/model/info", key, litellm_model_id="of-file")
    group = good(gateway, "GET", "/model_group/info", model_group="described")["data"]
    takes = good(gateway, "GET", "/utils/supported_openai_params", key, model="described")["supported_openai_params"]
    assert takes == row["model_info"]["supported_openai_params"] == group[0]["supported_openai_params"]
    assert {"temperature", "tools"} <= set(takes)
    assert [(one["model_group"], one["providers"], one["rpm"]) for one in group] == [("described", ["openai"], 60)]
    page = good(gateway, "GET", "/v2/model/info", page=1, size=1, search="DESC")
    assert (page["total_count"], page["total_pages"], page["data"][0]["model_info"]["id"]) == (1, 1, "k2")
    good(gateway, "POST", "/model/delete", id="k2")


def test_what_would_go_upstream_is_shown_without_secrets(gateway: Gateway, mock: Mock) -> None:
    claude = {"model": "anthropic/claude-sonnet-4-5", "api_base": mock.url, "api_key": SECRET}
    good(gateway, "POST", "/model/new", model_name="shown", litellm_params=claude, model_info={"id": "shown"})
    everywhere(gateway, "shown", 200)
    asked = len(mock.requests())

    def shown(call_type: str, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = good(
            gateway, "POST", "/utils/transform_request", call_type=call_type, request_body={"model": "shown", **body}
        )
        return found

    messages = [{"role": "user", "content": "hi"}]
    told = shown("completion", messages=messages, max_tokens=5, stream=True)
    assert (told["raw_request_api_base"], told["error"]) == (f"{mock.url}/v1/messages", None)
    assert told["raw_request_body"] == {
        "model": "claude-sonnet-4-5", "max_tokens": 5, "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }  # fmt: skip
    assert told["raw_request_headers"]["x-api-key"] == f"{SECRET[:2]}****{SECRET[-2:]}"
    assert "cannot take: logprobs" in shown("acompletion", messages=messages, logprobs=True)["error"]
    assert "does not offer" in shown("embedding", input="hi")["error"]
    assert "call_type" in refused(gateway, 400, "POST", "/utils/transform_request", call_type="x", request_body={})
    assert "model=nobody" in refused(gateway, 400, "GET", "/utils/supported_openai_params", model="nobody")
    assert len(mock.requests()) == asked
    good(gateway, "POST", "/model/delete", id="shown")


def test_a_credential_of_the_database_is_used(gateway: Gateway, mock: Mock) -> None:
    good(
        gateway, "POST", "/credentials", credential_name="vault", credential_values={"api_key": "sk-first-of-the-vault"}
    )
    named = {"model": "openai/gpt-kept", "api_base": f"{mock.url}/v1", "litellm_credential_name": "vault"}
    good(gateway, "POST", "/model/new", model_name="by-name", litellm_params=named, model_info={"id": "k3"})
    everywhere(gateway, "by-name", 200)
    assert key_of(mock) == "Bearer sk-first-of-the-vault"
    good(gateway, "PATCH", "/credentials/vault", credential_values={"api_key": "sk-second-of-the-vault"})

    def used() -> str:
        statuses(gateway, "by-name")
        return key_of(mock)

    eventually(lambda: used() == "Bearer sk-second-of-the-vault", "the new value is used")
    good(gateway, "POST", "/model/delete", id="k3")


def test_an_access_group_stands_for_models(gateway: Gateway, mock: Mock) -> None:
    for name in ("one", "two"):
        good(gateway, "POST", "/model/new", model_name=name, litellm_params=params(mock), model_info={"id": name})
    made = good(gateway, "POST", "/access_group/new", access_group="both", model_names=["one", "two"])
    assert made["models_updated"] == 2
    key = good(gateway, "POST", "/key/generate", models=["both"])["key"]
    for name in ("one", "two"):
        everywhere(gateway, name, 200, key)
    assert statuses(gateway, "m", key) == {403}
    group = {"access_group": "both", "model_names": ["one", "two"], "deployment_count": 2}
    assert good(gateway, "GET", "/access_group/both/info") == group
    assert group in good(gateway, "GET", "/access_group/list")["access_groups"]
    assert refused(gateway, 409, "POST", "/access_group/new", access_group="both", model_names=["one"])
    assert "not in the database" in refused(gateway, 400, "PUT", "/access_group/both/update", model_names=["m"])
    assert refused(gateway, 404, "PUT", "/access_group/none/update", model_names=["one"])
    assert good(gateway, "PUT", "/access_group/both/update", model_names=["two"])["models_updated"] == 1
    everywhere(gateway, "one", 403, key)
    everywhere(gateway, "two", 200, key)
    assert good(gateway, "DELETE", "/access_group/both/delete")["models_updated"] == 1
    everywhere(gateway, "two", 403, key)
    for name in ("one", "two"):
        good(gateway, "POST", "/model/delete", id=name)


def test_fallbacks_change_while_requests_come(gateway: Gateway, mock: Mock) -> None:
    failing = {"model": "openai/gpt-failing", "api_base": f"{mock.url}/v1", "api_key": SECRET, "num_retries": 0}
    good(gateway, "POST", "/model/new", model_name="failing", litellm_params=failing, model_info={"id": "f"})
    mock.control({"status": 500}, model="gpt-failing")
    eventually(lambda: statuses(gateway, "failing") == {500}, "it fails on every worker")
    assert refused(gateway, 400, "POST", "/fallback", model="failing", fallback_models=["nobody"])
    assert refused(gateway, 400, "POST", "/fallback", model="failing", fallback_models=["failing"])
    assert (
        ask(gateway, "POST", "/fallback", model="failing", fallback_models=["m"], fallback_type="x").status_code == 422
    )
    good(gateway, "POST", "/fallback", model="failing", fallback_models=["m"])
    everywhere(gateway, "failing", 200)
    assert good(gateway, "GET", "/fallback/failing")["fallback_models"] == ["m"]
    assert refused(gateway, 404, "GET", "/fallback/failing", fallback_type="context_window")
    assert "configuration file" in refused(gateway, 400, "POST", "/fallback", model="m", fallback_models=["failing"])
    assert good(gateway, "GET", "/fallback/m")["fallback_models"] == ["of-file"]
    good(gateway, "DELETE", "/fallback/failing")
    eventually(lambda: 200 not in statuses(gateway, "failing"), "no worker falls back")
    assert refused(gateway, 404, "DELETE", "/fallback/failing")
    good(gateway, "POST", "/model/delete", id="f")


def test_a_team_has_models_of_its_own(gateway: Gateway, mock: Mock) -> None:
    members = [{"user_id": "boss", "role": "admin"}, {"user_id": "kim", "role": "user"}]
    good(gateway, "POST", "/team/new", team_id="red", models=["m"], members_with_roles=members)
    good(gateway, "POST", "/team/new", team_id="blue", models=["m"])
    boss, kim = (good(gateway, "POST", "/key/generate", team_id="red", user_id=name)["key"] for name in ("boss", "kim"))
    other = good(gateway, "POST", "/key/generate", team_id="blue", user_id="lee")["key"]
    own = {"model_name": "ours", "litellm_params": params(mock), "model_info": {"id": "k4", "team_id": "red"}}
    for who in (kim, other):
        assert refused(gateway, 403, "POST", "/model/new", who, **own)
    assert refused(gateway, 403, "POST", "/model/new", boss, model_name="all", litellm_params=params(mock))
    foreign = {**own, "model_info": {"team_id": "blue"}}
    assert refused(gateway, 403, "POST", "/model/new", boss, **foreign)
    for bad in (
        {"api_key": "os.environ/PRIVATE"},
        {"extra_headers": {}},
        {"litellm_credential_name": "vault"},
        {"input_cost_per_token": 0},
    ):
        assert refused(gateway, 403, "POST", "/model/new", boss, **{**own, "litellm_params": params(mock, **bad)})
    assert refused(gateway, 400, "POST", "/model/new", boss, **{**own, "litellm_params": params(mock, api_key="")})
    made = good(gateway, "POST", "/model/new", boss, **own)
    assert made["model_name"].startswith("model_name_red_")
    everywhere(gateway, "ours", 200, kim)
    assert key_of(mock) == f"Bearer {SECRET}"
    assert 200 not in statuses(gateway, "ours", other)
    assert 200 not in statuses(gateway, made["model_name"], other)
    listed = {who: [one["id"] for one in good(gateway, "GET", "/v1/models", who)["data"]] for who in (kim, other)}
    assert listed == {kim: ["m", "ours"], other: ["m"]}
    assert made["model_name"] not in gateway.models()
    assert [row["model_info"]["id"] for row in good(gateway, "GET", "/model/info", kim)["data"]] == ["of-file", "k4"]
    assert [row["model_info"]["id"] for row in good(gateway, "GET", "/model/info", other)["data"]] == ["of-file"]
    # what the owner does not see does not go where he says
    partly = {"api_base": f"{mock.url}/elsewhere"}
    assert refused(gateway, 400, "PATCH", "/model/k4/update", boss, litellm_params=partly)
    for who in (kim, other):
        assert refused(gateway, 403, "PATCH", "/model/k4/update", who, litellm_params=params(mock))
        assert refused(gateway, 403, "POST", "/model/delete", who, id="k4")
    assert refused(gateway, 400, "PATCH", "/model/k4/update", boss, model_info={"team_id": "blue"})
    good(gateway, "PATCH", "/model/k4/update", boss, model_name="mine")
    everywhere(gateway, "mine", 200, kim)
    assert good(gateway, "GET", "/team/info", team_id="red")["team_info"]["models"] == ["m", "mine"]
    good(gateway, "POST", "/model/delete", boss, id="k4")
    assert good(gateway, "GET", "/team/info", team_id="red")["team_info"]["models"] == ["m"]
    good(gateway, "POST", "/model/new", boss, **own)
    good(gateway, "POST", "/team/delete", team_ids=["red"])
    assert refused(gateway, 404, "POST", "/model/delete", id="k4")


def test_a_team_gets_no_model_by_a_name(gateway: Gateway, mock: Mock) -> None:
    good(gateway, "POST", "/model/new", model_name="costly", litellm_params=params(mock), model_info={"id": "k5"})
    good(
        gateway,
        "POST",
        "/team/new",
        team_id="poor",
        models=["m"],
        members_with_roles=[{"user_id": "joe", "role": "admin"}],
    )
    joe = good(gateway, "POST", "/key/generate", team_id="poor", user_id="joe")["key"]
    everywhere(gateway, "costly", 200)
    for name in ("costly", "*", "all-proxy-models", "openai/*"):
        body = {"model_name": name, "litellm_params": params(mock), "model_info": {"team_id": "poor"}}
        assert "choose another" in refused(gateway, 403, "POST", "/model/new", joe, **body)
    assert 200 not in statuses(gateway, "costly", joe)
    good(gateway, "POST", "/model/delete", id="k5")


def test_models_outlive_a_restart_and_broken_ones_are_named(start_gateway: StartGateway, mock: Mock) -> None:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock.url)],
        "litellm_settings": {"provider_url_destination_allowed_hosts": ["127.0.0.1"]},
    }
    off = start_gateway(config)
    assert "store_model_in_db" in refused(off, 400, "POST", "/model/new", model_name="n", litellm_params=params(mock))
    off.stop()
    first = start_gateway(config, env={"STORE_MODEL_IN_DB": "True"})
    for name in ("whole", "broken"):
        good(first, "POST", "/model/new", model_name=name, litellm_params=params(mock), model_info={"id": name})
    assert statuses(first, "broken") == {200}
    first.stop()
    file = first.file.parent / "tianji-data" / "tianji.db"
    with closing(sqlite3.connect(file)) as database:
        kept = str(database.execute("SELECT * FROM models").fetchall())
        assert SECRET not in kept
        database.execute("UPDATE models SET litellm_params = '{\"model\": \"tj1:AAAA\"}' WHERE model_id = 'broken'")
        database.commit()
    second = start_gateway(config, env={"STORE_MODEL_IN_DB": "True"})
    assert (statuses(second, "whole"), statuses(second, "broken"), statuses(second, "m")) == ({200}, {404}, {200})
    assert "model broken (broken) of the database" in second.log
    second.write({**config, "model_list": [openai_model("later", "gpt-test", mock.url)]})
    everywhere(second, "later", 200)
    assert (statuses(second, "whole"), statuses(second, "m")) == ({200}, {404})
    good(second, "POST", "/model/delete", id="broken")


def test_a_deployment_is_tried_before_it_is_kept(gateway: Gateway, mock: Mock) -> None:
    def tried(**said: Any) -> dict[str, Any]:
        found: dict[str, Any] = good(gateway, "POST", "/health/test_connection", **said)
        return found

    before = len(mock.requests())
    found = tried(litellm_params=params(mock), mode="chat")
    assert (found["status"], found["result"]["model"]) == ("success", "openai/gpt-kept")
    assert (len(mock.requests()), key_of(mock)) == (before + 1, f"Bearer {SECRET}")
    mock.control({"status": 401}, model="gpt-kept", times=1)
    found = tried(litellm_params=params(mock))
    assert (found["status"], "error" in found["result"], SECRET in str(found)) == ("error", True, False)
    found = tried(litellm_params=params(mock), mode="embedding")
    assert (found["status"], body(mock)["input"]) == ("success", "hi")
    assert "gpt-kept" not in str(good(gateway, "GET", "/model/info"))


@pytest.mark.parametrize("named", [{"model": "m"}, {"model": "openai/gpt-test"}, {}])
def test_a_deployment_in_force_is_tried_with_its_own_credentials(
    gateway: Gateway, mock: Mock, named: dict[str, str]
) -> None:
    said = {"litellm_params": named, "model_info": None if named else {"id": "of-file"}}
    assert good(gateway, "POST", "/health/test_connection", **said)["status"] == "success"
    assert (body(mock)["model"], key_of(mock)) == ("gpt-test", f"Bearer {UPSTREAM_KEY}")


def test_what_is_tried_leads_nowhere_that_a_kept_one_may_not(gateway: Gateway, mock: Mock) -> None:
    asked = len(mock.requests())
    path = "/health/test_connection"
    assert "allowed_hosts" in refused(
        gateway, 400, "POST", path, litellm_params=params(mock, api_base="http://10.0.0.1/v1")
    )
    referring = params(mock, api_key="os.environ/PRIVATE")
    assert "configuration file" in refused(gateway, 400, "POST", path, litellm_params=referring)
    nested = params(mock, extra_headers={"x": ["os.environ/PRIVATE"]})
    assert "configuration file" in refused(gateway, 400, "POST", path, litellm_params=nested)
    assert "mode is one of" in refused(gateway, 400, "POST", path, litellm_params=params(mock), mode="magic")
    assert ask(gateway, "POST", path, litellm_params=[]).status_code == 422
    # one of the file gets its key from nobody: what else is said makes another one of it
    said = {"model": "m", "api_base": f"{mock.url}/v1"}
    refused(gateway, 400, "POST", path, litellm_params=said)
    assert len(mock.requests()) == asked
    plain = good(gateway, "POST", "/key/generate")["key"]
    refused(gateway, 401, "POST", path, plain, litellm_params={"model": "m"})


def test_everybody_may_know_of_models_that_were_made_public(gateway: Gateway) -> None:
    def told(path: str) -> Any:
        answer = gateway.client.get(path, headers={"authorization": ""})
        assert answer.status_code == 200
        return answer.json()

    assert told("/public/model_hub") == []
    said = good(gateway, "POST", "/model_group/make_public", model_groups=["m", "gone"])
    assert said["public_model_groups"] == ["m", "gone"]
    links = {"Handbook": "https://example.com/handbook"}
    good(gateway, "POST", "/model_hub/update_useful_links", useful_links=links)
    eventually(lambda: [one["model_group"] for one in told("/public/model_hub")] == ["m"], "every worker knows")
    assert told("/public/model_hub")[0]["is_public_model_group"] is True
    assert told("/public/model_hub/info")["useful_links"] == links
    assert {"openai", "anthropic", "bedrock"} <= set(told("/public/providers"))
    assert "sk-" not in str(told("/public/model_hub"))


def test_the_catalogue_is_asked_for_models_that_nobody_serves(gateway: Gateway) -> None:
    found = good(gateway, "GET", "/utils/model_info", model="claude-sonnet-4-5", custom_llm_provider="anthropic")
    assert (found["custom_llm_provider"], found["model_info"]["mode"]) == ("anthropic", "chat")
    assert found["model_info"]["input_cost_per_token"] == 3e-06
    assert good(gateway, "GET", "/utils/model_info", model="openai/gpt-4o")["model_info"]["key"] == "gpt-4o"
    refused(gateway, 404, "GET", "/utils/model_info", model="no-such-model")
    assert good(gateway, "GET", "/model/cost_map/source")["model_count"] > 1000


def test_pages_show_and_change_single_settings(gateway: Gateway) -> None:
    after = {"max_budget": 5.0, "budget_duration": "30d", "user_role": "internal_user"}
    answer = ask(gateway, "PATCH", "/update/internal_user_settings", None, **after)
    assert answer.status_code == 200, answer.text
    assert answer.json()["settings"] == after
    eventually(
        lambda: good(gateway, "GET", "/get/internal_user_settings")["values"]["max_budget"] == 5.0, "workers know"
    )
    assert "max_budget" in good(gateway, "GET", "/get/internal_user_settings")["field_schema"]["properties"]
    assert good(gateway, "POST", "/user/new", user_id="paged")["max_budget"] == 5.0
    refused(gateway, 400, "PATCH", "/update/internal_user_settings", max_budget="much")
    ask(gateway, "PATCH", "/update/default_team_settings", None, tpm_limit=9)
    eventually(lambda: good(gateway, "GET", "/get/default_team_settings")["values"]["tpm_limit"] == 9, "workers know")
    for name, values in (("discount", {"openai": 0.05}), ("margin", {"global": 0.1})):
        path = f"/config/cost_{name}_config"
        assert good(gateway, "PATCH", path, **values)["values"] == values
        eventually(lambda path=path, values=values: good(gateway, "GET", path)["values"] == values, "workers know")  # type: ignore[misc]
    path = "/config/block_requests_for_models_without_pricing"
    assert good(gateway, "GET", path) == {"enabled": False}
    assert good(gateway, "PATCH", path, enabled=True) == {"enabled": True}
    assert good(gateway, "PATCH", path, enabled=False) == {"enabled": False}
