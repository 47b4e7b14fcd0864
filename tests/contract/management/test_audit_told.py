"""Who is told of the audit log, and what it says of people whom somebody else lets in, through the running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears

CODE = """
import json
import os

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import StandardAuditLogPayload


class Auditor(CustomLogger):
    async def async_log_audit_log_event(self, audit_log: StandardAuditLogPayload) -> None:
        with open(os.path.join(os.path.dirname(__file__), "audited.jsonl"), "a") as file:
            file.write(json.dumps(audit_log) + "\\n")


auditor = Auditor()
"""
TEAMS = "LiteLLM_TeamTable"
PASSWORD = "Environment 1!"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audited")
    (made / "audit_hooks.py").write_text(CODE)
    return made


def config(mock: str, ears: str) -> dict[str, Any]:
    def hook(url: str) -> dict[str, Any]:
        return {"callback_type": "generic_api", "endpoint": url, "headers": {}}

    bucket = {
        "s3_bucket_name": "b", "s3_endpoint_url": ears, "s3_region_name": "eu-west-1", "s3_path": "below",
        "s3_aws_access_key_id": "A", "s3_aws_secret_access_key": "S",
    }  # fmt: skip
    return {
        "model_list": [openai_model("m", "gpt-test", mock)],
        "litellm_settings": {
            "store_audit_logs": True,
            "audit_log_callbacks": ["dead", "hanging", "hook", "s3_v2", "audit_hooks.auditor"],
            "s3_audit_callback_params": bucket,
        },
        "callback_settings": {
            "hook": hook(f"{ears}/log"), "hanging": hook(f"{ears}/hanging"), "dead": hook("http://127.0.0.1:1/"),
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, folder: Path) -> Iterator[Gateway]:
    env = {"UI_USERNAME": "boss", "UI_PASSWORD": PASSWORD, "PROXY_ADMIN_ID": "chief"}
    with Gateway(config(mock_process.url, ears.url), folder, edge=edge, env=env, workers=2) as running:
        yield running


def log_of(gateway: Gateway, **asked: Any) -> list[dict[str, Any]]:
    answer = gateway.client.get("/audit", params={"page_size": 100, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["audit_logs"]
    return found


def own(folder: Path) -> list[dict[str, Any]]:
    """What the operator's own code has heard."""
    file = folder / "audited.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_each_destination_is_told_and_one_that_is_away_stops_nobody(
    gateway: Gateway, ears: Ears, folder: Path, edge: str
) -> None:
    name = f"team-{edge}"
    assert gateway.post("/team/new", {"team_id": name, "team_alias": "T"}).status_code == 200
    (entry,) = log_of(gateway, object_id=name, table_name=TEAMS)
    (heard,) = eventually(
        lambda: [one for one in ears.events() if one["id"] == entry["id"]], "the hook was told", PATIENCE
    )
    assert heard == {
        **{member: entry[member] for member in ("id", "action", "table_name", "object_id", "before_value")},
        "changed_by": "default_user_id",
        "changed_by_api_key": "litellm_proxy_master_key",
        "updated_at": heard["updated_at"],
        "updated_values": heard["updated_values"],
    }
    assert json.loads(heard["updated_values"]) == entry["updated_values"]
    eventually(lambda: [one for one in own(folder) if one == heard], "code of the operator's own was told", PATIENCE)
    place = eventually(
        lambda: [path for path, _, _ in ears.heard if entry["id"] in path], "the bucket was told", PATIENCE
    )
    assert place[0].startswith("/b/below/audit_logs/2")
    assert gateway.post("/team/delete", {"team_ids": [name]}).status_code == 200


def test_one_entry_is_found_again(gateway: Gateway) -> None:
    gateway.post("/team/new", {"team_id": "again"})
    (entry,) = log_of(gateway, object_id="again", table_name=TEAMS)
    assert gateway.client.get(f"/audit/{entry['id']}").json() == entry
    assert gateway.client.get("/audit/nobody").status_code == 404
    for wrong in ({"page_size": 101}, {"sort_by": "before_value"}):
        assert gateway.client.get("/audit", params=wrong).status_code == 422
    assert gateway.client.get("/audit", params={"start_date": "soon"}).status_code == 400


def test_an_administrator_says_for_whom_he_does_it(gateway: Gateway) -> None:
    key = gateway.post("/user/new", {"user_id": "ann"}).json()["key"]
    assert gateway.post("/team/new", {"team_id": "b1"}, litellm_changed_by="bob@example.com").status_code == 200
    spoofed = gateway.post(
        "/key/generate", {"key_alias": "hers"}, authorization=f"Bearer {key}", litellm_changed_by="b"
    )
    assert spoofed.status_code == 200
    (team,) = log_of(gateway, object_id="b1", table_name=TEAMS)
    (made,) = log_of(gateway, object_id=spoofed.json()["token"])
    assert (team["changed_by"], team["changed_by_api_key"]) == ("bob@example.com", "litellm_proxy_master_key")
    assert made["changed_by"] == "ann"
    assert len(log_of(gateway, changed_by="bob@example.com")) >= 1


def test_who_signs_in_is_in_the_log_himself(gateway: Gateway) -> None:
    answer = gateway.client.post("/v2/login", json={"username": "boss", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    (session, *_) = log_of(gateway, changed_by="chief", table_name="LiteLLM_VerificationToken")
    users = log_of(gateway, object_id="chief")
    assert (session["action"], session["changed_by_api_key"]) == ("created", None)
    assert users[-1]["action"] == "created"
    assert users[-1]["changed_by"] == "chief"


def test_what_an_identity_provider_does_is_in_the_log(gateway: Gateway, edge: str) -> None:
    said = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"scim-{edge}@example.com"}
    made = gateway.client.post("/scim/v2/Users", json=said)
    assert made.status_code == 201, made.text
    name = made.json()["id"]
    off = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "replace", "path": "active", "value": False},
    ]}  # fmt: skip
    assert gateway.client.patch(f"/scim/v2/Users/{name}", json=off).status_code == 200
    assert gateway.client.delete(f"/scim/v2/Users/{name}").status_code == 204
    entries = log_of(gateway, object_id=name)
    assert {entry["table_name"] for entry in entries} == {"LiteLLM_UserTable"}
    assert [entry["action"] for entry in entries][::-1][:2] == ["created", "updated"]
    assert {entry["changed_by_api_key"] for entry in entries} == {"litellm_proxy_master_key"}


def test_without_the_setting_there_is_no_log(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    with Gateway({"model_list": [openai_model("m", "gpt-test", mock_process.url)]}, tmp_path, edge=edge) as silent:
        assert silent.post("/team/new", {"team_id": "t"}).status_code == 200
        assert silent.client.get("/audit").json()["audit_logs"] == []
