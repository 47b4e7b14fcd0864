"""The audit log: every management route that writes leaves an entry, without a secret, in the change's transaction."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.callers.rights import CASES
from tests.contract.callers.roles import ADMIN, BILLS, ROLES, World, numbers
from tests.contract.callers.test_authorization import ROUTES
from tests.contract.harness import Gateway, Mock, openai_model

CANARY = "canary/Of+the=Audit"
SOWN: dict[str, Any] = {  # what no route has to know, and who knows it keeps it
    "metadata": {"my_api_key": CANARY, "inner": [{"password": CANARY}]},
    "callback_vars": {"langfuse_secret": CANARY, "langfuse_host": "https://example.com"},
    "credential_values": {"api_key": CANARY, "anything": CANARY},
    "headers": {"x-anything": CANARY},
    "password": f"{CANARY}-Aa1!",
}
PARAMS = {"model": "openai/x", "api_key": CANARY, "extra_headers": {"x-anything": CANARY}}
SERVER = {"host": "127.0.0.1", "port": 1, "password": CANARY}
MORE: dict[str, dict[str, Any]] = {  # what changes something, where what CASES send says only what is so
    "/team/{team_id}": {"team_alias": "another"},
    "/team/member_update": {"role": "admin"},
    "/organization/member_update": {"role": "org_admin"},
    "/tag/update": {"description": "another"},
    "/model/update": {"litellm_params": PARAMS},
    "/model/{model_id}/update": {"litellm_params": PARAMS},
    "/coordination_redis/settings": {"settings": SERVER},
    "/cache/settings": {"cache_settings": {"type": "redis", **SERVER}},
}
READING = "asks only"
TRIES = "tries, and stores nothing"
WITHOUT_ENTRY = {
    "/v2/key/info": READING,
    "/budget/info": READING,
    "/tag/info": READING,
    "/global/spend/end_users": READING,
    "/organization/info": READING,
    "/team/{team_id}/member/{user_id}/reset_spend": "has nothing to change: nobody has spent anything here",
    "/utils/transform_request": READING,
    "/key/health": TRIES,
    "/cache/settings/test": TRIES,
    "/coordination_redis/settings/test": TRIES,
}
WITHOUT_ENTRY |= {f"/{name}/{end}": TRIES for name in BILLS for end in ("dry-run", "export")}
WRITING = [route for route in ROUTES if route[0] not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def world(mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url) | {"model_info": {"id": "m-1"}}],
        "general_settings": {
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
        "litellm_settings": {"store_audit_logs": True},
    }
    with Gateway(config, tmp_path_factory.mktemp("audit"), edge="native") as gateway:
        made = World(gateway)
        with made.stranger:
            yield made


def entries(world: World, **asked: Any) -> list[dict[str, Any]]:
    """All that the log holds, the latest first."""
    found: list[dict[str, Any]] = []
    for page in range(1, 1000):
        told = world.master("GET", "/audit", page=page, page_size=100, **asked)
        found += told["audit_logs"]
        if page >= told["total_pages"]:
            break
    return found


FIGURES = ("/config/cost_discount_config", "/config/cost_margin_config")  # whose bodies hold figures and nothing else


def sown(fields: dict[str, Any]) -> dict[str, Any]:
    """The same request with secrets wherever something may take them."""
    params = fields.get("litellm_params")
    return {**SOWN, **fields, **({} if params is None else {"litellm_params": {**params, "api_key": CANARY}})}


@pytest.mark.parametrize("route", WRITING, ids=" ".join)
def test_every_route_that_writes_leaves_an_entry(world: World, route: tuple[str, str]) -> None:
    method, path = route
    case, allowed = CASES[route]
    role = ADMIN if ADMIN in allowed else next(role for role in ROLES if role in allowed)
    fields = case(world, role, "own")
    for name in [name for name in fields if name.startswith("path:")]:
        path = path.replace("{" + name[5:] + "}", fields.pop(name))
    fields |= MORE.get(route[1], {})
    if route[1].startswith("/access_group/") and method == "PUT":
        fields["model_ids"].append(world.model("own", "another"))
    if path.startswith("/key/") and path.endswith("/reset_spend"):
        world.master("POST", "/key/update", key=path.split("/")[2], spend=1)
    if path.endswith("/unblock"):
        world.send(world.keys[role], method, path.removesuffix("/unblock") + "/block", **fields)
    before = world.master("GET", "/audit", page_size=1)["total"]
    answer = world.send(world.keys[role], method, path, **(fields if path in FIGURES else sown(fields)))
    assert answer.status_code == 200, answer.text
    world.kept.touched()
    told = world.master("GET", "/audit", page_size=100)
    new = told["audit_logs"][: told["total"] - before]
    own = hashlib.sha256(world.keys[role].encode()).hexdigest()
    assert all(entry["changed_by_api_key"] == own and entry["changed_by"] == f"user-{role}" for entry in new)
    assert bool(new) == (route[1] not in WITHOUT_ENTRY), new


def test_no_secret_is_in_the_log(world: World) -> None:
    made = world.master("POST", "/key/generate", key_alias=f"k-{next(numbers)}")
    text = world.gateway.client.get("/audit", params={"page_size": 100}).text
    assert made["key"] not in text
    whole = repr(entries(world))
    assert CANARY not in whole
    assert "sk-of-the-team-0815" not in whole
    for entry in entries(world, table_name="LiteLLM_VerificationToken"):
        values = repr([entry["before_value"], entry["updated_values"]])
        assert entry["object_id"] not in values
