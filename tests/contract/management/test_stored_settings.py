"""Settings that administrators keep in the database beside the file: callbacks, alerts, and what a page may change."""

import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears

OPERATOR = "sk-canary-of-the-operator"
CANARY = "canary-of-the-database"
MARK = "****"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


def config(mock: str) -> dict[str, Any]:
    return {
        "model_list": [openai_model("m", "m-up", mock), openai_model("broken", "b-up", "http://127.0.0.1:1")],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "callbacks": ["helicone"],
            "store_audit_logs": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
        "general_settings": {"store_model_in_db": True, "alerting_threshold": 500},
        "environment_variables": {"HELICONE_API_KEY": OPERATOR},
    }


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, folder: Path) -> Iterator[Gateway]:
    with Gateway(config(mock_process.url), folder, edge=edge, env=environment(folder, ears), workers=2) as running:
        yield running


def environment(folder: Path, ears: Ears) -> dict[str, str]:
    return {
        **BOOKS,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.1",
        "HELICONE_API_BASE": f"{ears.url}/helicone",
        "LANGFUSE_PUBLIC_KEY": "pk-of-the-operator",
        "LANGFUSE_SECRET_KEY": OPERATOR,
        "TIANJI_DATA_DIR": str(folder / "data"),
    }


def update(gateway: Gateway, **sections: dict[str, Any]) -> httpx.Response:
    return gateway.client.post("/config/update", json=sections)


def kept(gateway: Gateway, **sections: dict[str, Any]) -> None:
    answer = update(gateway, **sections)
    assert (answer.status_code, answer.json()) == (200, {"message": "Config updated successfully"}), answer.text


def shown(gateway: Gateway) -> dict[str, Any]:
    """What a page shows, asked over a connection of its own, so that the kernel picks any of the workers."""
    answer = gateway.client.get("/get/config/callbacks", headers={"connection": "close"})
    for secret in (OPERATOR, CANARY):
        assert secret not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def callbacks(gateway: Gateway) -> dict[str, Any]:
    return {row["name"]: row for row in shown(gateway)["callbacks"]}


def told(gateway: Gateway, ears: Ears, path: str, model: str = "m") -> tuple[dict[str, str], Any]:
    """Ask until somebody is told at a path, and return the headers and the body of that."""

    def heard() -> tuple[dict[str, str], Any] | None:
        gateway.chat({"model": model, "messages": [{"role": "user", "content": "hello"}]})
        return next(((headers, body) for where, headers, body in ears.heard if where == path), None)

    ears.heard.clear()
    found = eventually(heard, f"{path} is told")
    assert found is not None
    return found


def gone(gateway: Gateway, name: str) -> dict[str, Any]:
    answer = gateway.client.post("/config/callback/delete", json={"callback_name": name})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_callback_is_told_without_a_restart_and_taken_away_again(gateway: Gateway, ears: Ears, folder: Path) -> None:
    variables = {
        "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log",
        "GENERIC_LOGGER_HEADERS": f"authorization=Bearer {CANARY}",
    }
    kept(gateway, litellm_settings={"success_callback": ["Generic_API"]}, environment_variables=variables)
    headers, body = told(gateway, ears, "/log")
    assert (headers["authorization"], body[0]["status"]) == (f"Bearer {CANARY}", "success")
    assert all("generic_api" in callbacks(gateway) for _ in range(8))  # on every worker
    row = callbacks(gateway)["generic_api"]
    assert row == {
        "name": "generic_api",
        "type": "success",
        "variables": {"GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log", "GENERIC_LOGGER_HEADERS": MARK},
        "read_only": False,
    }
    assert callbacks(gateway)["helicone"]["read_only"]
    ears.heard.clear()
    answer = gateway.client.get("/health/services?service=generic_api")
    assert answer.status_code == 200
    events = [(path, body[0]) for path, _, body in ears.heard if isinstance(body, list)]  # PostHog hears objects
    assert [path for path, event in events if event["model"] == "litellm-test"] == ["/log"]
    kept(gateway, environment_variables=row["variables"])  # a page sends back what it was shown
    assert told(gateway, ears, "/log")[0]["authorization"] == f"Bearer {CANARY}"
    moved = {"GENERIC_LOGGER_HEADERS": MARK, "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/elsewhere"}
    answer = update(gateway, environment_variables=moved)
    assert (answer.status_code, "say GENERIC_LOGGER_HEADERS again" in answer.text) == (400, True)
    moved["GENERIC_LOGGER_HEADERS"] = f"authorization=Bearer {CANARY}-2"
    kept(gateway, environment_variables=moved)
    assert told(gateway, ears, "/elsewhere")[0]["authorization"] == f"Bearer {CANARY}-2"
    written = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert CANARY.encode() not in written
    found = gone(gateway, "generic_api")
    assert (found["removed_callback"], found["remaining_callbacks"]) == ("generic_api", [])
    eventually(lambda: all("generic_api" not in callbacks(gateway) for _ in range(8)), "nobody names it any more")
    assert told(gateway, ears, "/helicone/oai/v1/log")  # the file's is told still
    kept(gateway, litellm_settings={"success_callback": ["generic_api"]})
    assert set(callbacks(gateway)["generic_api"]["variables"].values()) == {None}  # its variables went along
    gone(gateway, "generic_api")


def test_what_the_operator_has_does_not_follow_an_address_of_the_database(gateway: Gateway, ears: Ears) -> None:
    named = {"LANGFUSE_HOST": ears.url}
    kept(gateway, litellm_settings={"success_callback": ["langfuse"]}, environment_variables=named)
    answer = gateway.client.get("/health/services?service=langfuse")
    assert answer.status_code == 400
    assert "LANGFUSE_PUBLIC_KEY" in answer.json()["error"]["message"]
    own = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": CANARY}
    kept(gateway, environment_variables=own)
    headers, _ = told(gateway, ears, "/api/public/ingestion")
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"pk:{CANARY}"
    # without an address of its own it is told with what the operator has
    kept(gateway, environment_variables=dict.fromkeys((*own, *named)))
    assert set(callbacks(gateway)["langfuse"]["variables"].values()) == {MARK, None}
    gone(gateway, "langfuse")


def test_an_address_of_the_database_is_public_or_of_an_allowed_host(gateway: Gateway, ears: Ears) -> None:
    inside = ears.url.replace("127.0.0.1", "localhost")
    variables = {"GENERIC_LOGGER_ENDPOINT": f"{inside}/inside"}
    kept(gateway, litellm_settings={"failure_callback": ["generic_api"]}, environment_variables=variables)
    ears.heard.clear()
    answer = gateway.client.get("/health/services?service=generic_api")
    assert answer.status_code == 400
    gateway.chat({"model": "broken", "messages": [{"role": "user", "content": "hello"}]})
    eventually(lambda: "callback generic_api does not take events" in gateway.log, "it is tried and refused")
    assert not [path for path, _, _ in ears.heard if path == "/inside"]
    gone(gateway, "generic_api")


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("general_settings", {"master_key": "sk-another-one-1234567890"}, "configuration file alone"),
        ("general_settings", {"alerting_threshold": 1}, "the configuration file says it"),
        ("general_settings", {"alerting_args": {"daily_report_frequency": "often"}}, "daily_report_frequency"),
        ("litellm_settings", {"success_callback": ["handlers.logger"]}, "no destination"),
        ("litellm_settings", {"callbacks": ["custom_guardrail"]}, "no destination"),
        ("litellm_settings", {"fallbacks": [{"m": [{"model": "m", "api_base": "http://x"}]}]}, "names of models"),
        ("litellm_settings", {"timezone": "os.environ/LANGFUSE_SECRET_KEY"}, "configuration file alone"),
        ("router_settings", {"redis_host": "elsewhere"}, "configuration file alone"),
        ("router_settings", {"num_retries": 3}, "the configuration file says it"),
        ("router_settings", {"routing_strategy": "best"}, "must be one of"),
        ("environment_variables", {"DATABASE_URL": "postgres://x"}, "no variable of a destination"),
        ("environment_variables", {"HELICONE_API_KEY": "another"}, "the configuration file says it"),
    ],
)  # fmt: skip
def test_what_may_not_stand_there_is_refused_whole(
    gateway: Gateway, section: str, values: dict[str, Any], said: str
) -> None:
    more = {"litellm_settings": {"langfuse_default_tags": ["kept?"]}, section: values}
    answer = update(gateway, **more)
    assert answer.status_code == 400
    name = next(iter(values))
    message = answer.json()["error"]["message"]
    assert message.startswith(f"{section}.{name}: "), message
    assert said in message
    fields = gateway.client.post("/config/field/delete", json={"field_name": "langfuse_default_tags"})
    assert fields.status_code == 400  # nothing of it was kept


def test_single_settings_are_kept_shown_and_taken_away(gateway: Gateway) -> None:
    name = "max_batch_file_records"
    of_it = {"field_name": name}
    assert gateway.client.get(f"/config/field/info?field_name={name}").status_code == 400  # nobody says it
    answer = gateway.client.post("/config/field/update", json={**of_it, "field_value": 12})
    assert answer.json() == {"param_name": "general_settings", "param_value": {name: 12}}
    info = gateway.client.get(f"/config/field/info?field_name={name}").json()
    assert info == {"field_name": name, "field_value": 12, "source": "db", "editable": True}
    rows = {row["field_name"]: row for row in gateway.client.get("/config/list?config_type=general_settings").json()}
    row = rows[name]
    assert (row["field_type"], row["field_value"], row["stored_in_db"]) == ("Integer", 12, True)
    threshold = rows["alerting_threshold"]
    assert (threshold["stored_in_db"], threshold["editable"], threshold["field_value"]) == (False, False, 500)
    assert gateway.client.post("/config/field/delete", json=of_it).json()["param_value"] == {}
    assert gateway.client.get(f"/config/field/info?field_name={name}").status_code == 400
    for wrong in ({"field_name": "nonsense", "field_value": 1}, {**of_it, "field_value": "many"}):
        assert gateway.client.post("/config/field/update", json=wrong).status_code == 400
    key = gateway.client.get("/config/field/info?field_name=store_model_in_db").json()
    assert (key["source"], key["editable"], key["field_value"]) == ("config", False, True)
    assert "sk-" not in gateway.client.get("/config/field/info?field_name=master_key").text


def test_alerts_go_where_the_database_says(gateway: Gateway, ears: Ears) -> None:
    kept(gateway, general_settings={"alert_to_webhook_url": {"llm_exceptions": f"{ears.url}/slack"}})
    _, body = told(gateway, ears, "/slack", model="broken")
    assert "broken" in body["text"]
    found = shown(gateway)
    (slack,) = (row for row in found["alerts"] if row["name"] == "slack")
    assert slack["alerts_to_webhook"] == {"llm_exceptions": MARK}
    assert found["active_alerting_destinations"] == ["slack"]
    variables = {"SLACK_WEBHOOK_URL": f"{ears.url}/all"}
    kept(gateway, environment_variables=variables, general_settings={"alert_to_webhook_url": {}})
    told(gateway, ears, "/all", model="broken")
    for name in ("alerting", "alert_to_webhook_url"):
        assert gateway.client.post("/config/field/delete", json={"field_name": name}).status_code == 200
    kept(gateway, environment_variables={"SLACK_WEBHOOK_URL": ""})


def test_routing_and_what_is_written_down_follow(gateway: Gateway, folder: Path) -> None:
    kept(
        gateway,
        router_settings={"fallbacks": [{"broken": ["m"]}]},
        general_settings={"store_prompts_in_spend_logs": True},
    )
    body = {"model": "broken", "messages": [{"role": "user", "content": "what is written down"}]}
    answer = eventually(lambda: (a := gateway.chat(body)).status_code == 200 and a, "another model answers")
    assert shown(gateway)["router_settings"]["fallbacks"] == [{"broken": ["m"]}]
    assert answer

    def written() -> bool:
        gateway.chat(body)
        with sqlite3.connect(next((folder / "data").glob("*.db"))) as database:
            found = database.execute("SELECT messages FROM payloads").fetchall()
        database.close()
        return any("what is written down" in str(one) for one in found)

    eventually(written, "what was said is written down")
    kept(gateway, router_settings={"fallbacks": []})
    assert gateway.client.post("/config/field/delete", json={"field_name": "store_prompts_in_spend_logs"}).is_success


def test_another_machine_hears_of_it_and_the_log_tells_of_it(
    gateway: Gateway, mock_process: Mock, edge: str, ears: Ears, folder: Path, tmp_path: Path
) -> None:
    variables = {"POSTHOG_API_KEY": CANARY}
    kept(gateway, litellm_settings={"success_callback": ["posthog"]}, environment_variables=variables)
    database = f"sqlite:///{next((folder / 'data').glob('*.db'))}"
    env = {**environment(tmp_path, ears), "DATABASE_URL": database}
    with Gateway(config(mock_process.url), tmp_path, edge=edge, env=env) as other:
        assert callbacks(other)["posthog"]["variables"]["POSTHOG_API_KEY"] == MARK
        gone(gateway, "posthog")
        eventually(lambda: "posthog" not in callbacks(other), "another machine hears of it")
    entries = gateway.client.get("/audit?table_name=settings&object_id=litellm_settings").json()["audit_logs"]
    assert entries[0]["before_value"]["settings"]["success_callback"] == ["posthog"]
    assert CANARY not in gateway.client.get("/audit?table_name=settings&page_size=100").text
