"""`tianji check`: each key with what this release does with it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import tianji
from tianji.config import Loaded
from tianji.config.absent import NEEDLESS, OPEN
from tianji.config.report import as_json, as_text, rows
from tianji.config.schema import GeneralSettings, ModelInfo, ModelParams, RouterSettings, Settings
from tianji.config.schema.jwt import JwtAuth
from tianji.config.schema.mcp import McpServer
from tianji.config.schema.model import PRICE
from tianji.config.schema.root import SECTIONS
from tianji.config.support import SUPPORT, UNSUPPORTED, support

from .conftest import MODEL, Snippet

TEXT = (
    MODEL + "  - {model_name: n, tianji_params: {model: openai/x, temperature: 1, mock_response: hi, tags: [a],"
    " aws_region_name: r}, model_info: {id: n, note: x}}\n"
    "tianji_settings: {drop_params: true, wibble: 1}\n"
    "general_settings: {master_key: s3cr3t-value, password_policy_check_breached_passwords: true}\n"
    "environment_variables: {A: s3cr3t-value}\nguardrails: []\nx-note: {a: 1}\nstranger: 1\n"
)


def test_each_key_once_with_level_place_and_count(snippet: Snippet) -> None:
    found = {row.key: (row.level, row.line, row.count, row.guards) for row in rows(snippet(TEXT))}
    assert found == {
        "model_list.model_name": ("exact", 2, 2, False),
        "model_list.litellm_params.model": ("exact", 2, 2, False),
        "model_list.litellm_params.api_key": ("exact", 2, 1, False),
        "model_list.litellm_params.temperature": ("exact", 3, 1, False),
        "model_list.litellm_params.mock_response": ("partial", 3, 1, False),
        "model_list.litellm_params.tags": ("exact", 3, 1, False),
        "model_list.litellm_params.aws_region_name": ("exact", 3, 1, False),
        "model_list.model_info.id": ("exact", 3, 1, False),
        "model_list.model_info.note": ("partial", 3, 1, False),
        "litellm_settings.drop_params": ("exact", 4, 1, False),
        "litellm_settings.wibble": ("unsupported", 4, 1, False),
        "general_settings.master_key": ("exact", 5, 1, False),
        "general_settings.password_policy_check_breached_passwords": ("unsupported", 5, 1, True),
        "environment_variables.A": ("exact", 6, 1, False),
        "guardrails": ("partial", 7, 1, False),
        "stranger": ("unsupported", 9, 1, False),
    }


def test_renderings_hold_every_key_and_no_value(snippet: Snippet) -> None:
    loaded = snippet(TEXT)
    found = rows(loaded)
    text, data = as_text(found, loaded.problems), as_json(found, loaded.problems)
    decoded = json.loads(data)
    assert "s3cr3t-value" not in text + data.decode()
    assert [row["key"] for row in decoded["keys"]] == [row.key for row in found]
    assert [problem["key"] for problem in decoded["problems"]] == ["litellm_settings.wibble", "stranger"]
    assert all(row.key in text for row in found)
    assert text.splitlines()[-1] == "10 exact, 3 partial, 3 unsupported"
    columns = {line.index(".yaml:") for line in text.splitlines()[2:-1]}
    assert len(columns) == 1


def test_what_stands_in_a_table_of_its_own_is_judged_one_by_one(snippet: Snippet) -> None:
    loaded = snippet(MODEL + "general_settings: {tianji_jwtauth: {team_id_jwt_field: t, oidc_userinfo_enabled: false}}")
    levels = {row.key: row.level for row in rows(loaded) if "jwt" in row.key}
    assert levels == {
        "general_settings.litellm_jwtauth.team_id_jwt_field": "exact",
        "general_settings.litellm_jwtauth.oidc_userinfo_enabled": "unsupported",
    }


def test_every_conformance_key_has_a_row(conformance: Callable[..., Loaded]) -> None:
    for number in range(1, 13):
        found = rows(conformance(number))
        assert found
        assert all(row.note for row in found if row.level != "exact")


SECTION_FIELDS = {
    "model_list.litellm_params": ModelParams,
    "model_list.model_info": ModelInfo,
    "litellm_settings": Settings,
    "router_settings": RouterSettings,
    "general_settings": GeneralSettings,
    "general_settings.litellm_jwtauth": JwtAuth,
    "mcp_servers": McpServer,
}


@pytest.mark.parametrize("key", sorted(SUPPORT))
def test_every_row_names_a_key_of_the_schema(key: str) -> None:
    parent, _, name = key.rpartition(".")
    if name == "*" or parent == "model_list" or PRICE.fullmatch(name) or name.startswith("supports_"):
        return  # names of sections that keep what has no field of its own
    if parent:
        assert name in {field.name for field in msgspec.structs.fields(SECTION_FIELDS[parent])}
    else:
        assert name in SECTIONS


def test_a_key_without_a_row_is_not_supported() -> None:
    assert support("router_settings.cache_responses").level == "unsupported"
    assert support("never.heard.of").level == "unsupported"
    assert support("model_list.litellm_params.top_p").level == "exact"


@pytest.mark.parametrize("name", ["vertex_nothing", "supports_vision"])
def test_a_param_that_does_not_go_upstream_is_not_called_a_default(name: str) -> None:
    assert support(f"model_list.litellm_params.{name}").level == "unsupported"


@pytest.mark.parametrize("place", ["litellm_params", "model_info"])
def test_prices_count(place: str) -> None:
    assert support(f"model_list.{place}.cache_read_input_token_cost").level == "exact"


def test_what_is_heeded_is_not_said_to_have_no_effect() -> None:
    for key in (
        "router_settings.redis_host", "general_settings.coordination_redis", "general_settings.disable_spend_logs",
        "general_settings.store_prompts_in_spend_logs", "litellm_settings.budget_reset_time",
        *(f"model_list.litellm_params.{name}" for name in (
            "safety_settings", "guardrailConfig", "performanceConfig", "project_id", "use_chat_completions_api",
        )),
        "model_list.model_info.health_check_model", "model_list.model_info.disable_background_health_check",
    ):  # fmt: skip
        assert support(key).level == "exact", key


def test_each_key_of_a_server_of_tools_has_a_word(snippet: Snippet) -> None:
    servers = "mcp_servers: {a: {url: 'http://h/mcp', pinned_tools: {}}, b: {url: 'http://i/mcp', auth_type: api_key}}"
    found = {row.key: row for row in rows(snippet(MODEL + servers)) if row.key.startswith("mcp_servers")}
    assert {key: row.level for key, row in found.items()} == {
        "mcp_servers.url": "exact", "mcp_servers.pinned_tools": "unsupported", "mcp_servers.auth_type": "partial",
    }  # fmt: skip
    assert found["mcp_servers.url"].count == 2


@pytest.mark.parametrize(
    ("section", "schema", "names"),
    [
        ("litellm_settings", Settings, "settings|litellm_settings"),
        ("general_settings", GeneralSettings, "general|general_settings"),
        ("router_settings", RouterSettings, "router|router_settings"),
    ],
)
def test_no_key_that_the_gateway_reads_is_called_dead(section: str, schema: type, names: str) -> None:
    package = Path(tianji.__file__).parent
    text = "".join(file.read_text() for file in package.rglob("*.py") if "config" not in file.parts)
    read = set(re.findall(rf"\b(?:{names})\.([a-z_0-9]+)\b", text)) & set(schema.__struct_fields__)
    assert len(read) > 20
    keys = {f"{section}.{name}" for name in read - {"extra"}} - SECTION_FIELDS.keys()
    assert not {key for key in keys if support(key) == UNSUPPORTED}


def test_what_needs_nothing_is_said_to_and_what_stays_open_is_warned_of() -> None:
    row = support("general_settings.proxy_batch_write_at")
    assert (row.level, row.note) == ("exact", "what was spent is written as it comes")
    assert support("litellm_settings.validate_end_user_id_in_db").guards
    assert support("model_list.model_info.description").level == "partial"
    assert not {*NEEDLESS} & OPEN
