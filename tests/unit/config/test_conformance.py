"""Twelve files, each in the style of one kind of public deployment, mean what they mean to LiteLLM."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tianji.config import Loaded, ModelParams, load
from tianji.config.inherit import reliability

Conformance = Callable[..., Loaded]


def messages(loaded: Loaded) -> list[str]:
    return [f"{problem.key}: {problem.message}" for problem in loaded.problems]


@pytest.mark.parametrize(
    ("number", "deployments"),
    [(1, 2), (2, 5), (3, 6), (4, 4), (5, 1), (6, 7), (7, 1), (8, 1), (9, 1), (10, 7), (11, 2), (12, 6)],
)
def test_every_file_loads_without_an_error(conformance: Conformance, number: int, deployments: int) -> None:
    loaded = conformance(number)
    assert len(loaded.config.model_list) == deployments
    assert [problem for problem in loaded.problems if problem.severity == "error"] == []


def test_smallest(conformance: Conformance) -> None:
    loaded = conformance(1)
    assert [entry.params.model for entry in loaded.config.model_list] == [
        "gpt-4o-mini",
        "openai/text-embedding-3-small",
    ]
    assert loaded.config.general_settings.master_key == "sk-conf-123"
    figures = reliability(loaded.config, loaded.environment)
    assert (figures.strategy, figures.num_retries, figures.timeout) == ("simple-shuffle", 2, 6000.0)
    assert (figures.allowed_fails, figures.cooldown_time, figures.max_fallbacks) == (3, 5, 5)
    assert figures.fallbacks == {}
    assert loaded.problems == ()


def test_balancing(conformance: Conformance) -> None:
    loaded = conformance(2)
    east, west, first, second, _ = loaded.config.model_list
    assert (east.id, east.params.tpm, east.params.rpm, east.params.weight) == ("east-1", 120_000, 600, 3)
    assert (west.params.rpm, west.params.tpm, west.extra) == (300, 60_000, {"rpm": 300, "tpm": 60000})
    assert (first.params.organization, second.params.organization) == ("org-a", "org-b")
    assert first.id == second.id
    assert first.model_name == "backup-gpt"
    assert first.params.written["organization"] == "org-a"
    figures = reliability(loaded.config, loaded.environment)
    assert figures.fallbacks == {"house-gpt": ("backup-gpt",), "*": ("backup-gpt",)}
    assert figures.context_window_fallbacks == {"house-gpt": ("long-context",)}
    assert (figures.timeout, figures.cooldown_time, figures.allowed_fails, figures.max_fallbacks) == (60, 15, 2, 3)
    assert loaded.config.router_settings.retry_policy["RateLimitErrorRetries"] == 4


def test_wildcards(conformance: Conformance) -> None:
    loaded = conformance(3)
    keys = {entry.model_name: entry.params.api_key for entry in loaded.config.model_list}
    assert keys["openai/gpt-4o-mini"] == "k2"
    assert keys["openai/*"] == "k1"
    assert loaded.config.general_settings.master_key == "sk-conf-123"
    assert loaded.config.litellm_settings.drop_params is True
    assert loaded.config.model_list[4].info.access_groups == ("everything",)


def test_self_hosted(conformance: Conformance) -> None:
    loaded = conformance(4)
    local, vllm, generic, forced = loaded.config.model_list
    assert local.params.passed == {"keep_alive": "10m"}
    assert (vllm.info.mode, vllm.info.max_input_tokens) == ("chat", 32768)
    assert vllm.info.prices == {"input_cost_per_token": 0, "output_cost_per_token": 0}
    assert generic.params.extra_headers == {"X-Tenant": "t1"}
    assert generic.params.passed == {"temperature": 0.2, "max_tokens": 512}
    assert generic.params.extra_body == {"chat_template_kwargs": {"enable_thinking": False}}
    assert generic.params.additional_drop_params == ("logit_bias",)
    assert generic.params.ssl_verify is False
    assert forced.params.custom_llm_provider == "openai"
    aliases = loaded.config.router_settings.model_group_alias
    assert aliases == {"gpt-3.5-turbo": "llama-local", "secret-name": {"model": "qwen-vllm", "hidden": True}}
    figures = reliability(loaded.config, loaded.environment)
    assert (figures.num_retries, figures.timeout) == (1, 600)


def test_production(conformance: Conformance) -> None:
    loaded = conformance(5)
    (main,) = loaded.config.model_list
    assert main.params.prices == {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 0.00001}
    assert main.params.cooldown_time == 30
    assert reliability(loaded.config, loaded.environment).timeout == 120
    settings, general = loaded.config.litellm_settings, loaded.config.general_settings
    assert settings.cache
    assert settings.cache_params is not None
    assert (settings.cache_params.mode, settings.cache_params.port) == ("default_off", 6399)
    assert general.database_url is None
    assert general.litellm_key_header_name == "X-Gateway-Key"
    assert messages(loaded) == [
        "general_settings.database_url: the environment variable DATABASE_URL is not set, so this is null",
        "litellm_settings.max_budget: has no database to count in",
    ]


def test_clouds(conformance: Conformance) -> None:
    loaded = conformance(6)
    claude = [entry for entry in loaded.config.model_list if entry.model_name == "claude"]
    assert [entry.params.order for entry in claude] == [1, 2, 3]
    assert claude[1].params.provider["aws_access_key_id"] == "a"
    assert claude[1].params.provider["aws_region_name"] == "us-west-2"
    assert claude[1].params.passed == {}
    assert loaded.config.general_settings.master_key == "sk-conf-123"


def test_clouds_without_an_environment_drops_the_deployment_that_needs_one(conformance: Conformance) -> None:
    loaded = conformance(6, LITELLM_ENVIRONMENT=None)
    assert "gemini-flash" not in {entry.model_name for entry in loaded.config.model_list}
    (dropped,) = [problem for problem in loaded.problems if problem.dropped]
    assert dropped.key == "model_list[3].model_info.supported_environments"


def test_clouds_in_another_environment_leaves_it_out_silently(conformance: Conformance) -> None:
    loaded = conformance(6, LITELLM_ENVIRONMENT=None, TIANJI_ENVIRONMENT="development")
    assert len(loaded.config.model_list) == 6
    assert loaded.problems == ()


def test_observability(conformance: Conformance) -> None:
    loaded = conformance(7)
    assert loaded.environment["LANGFUSE_PUBLIC_KEY"] == "pk-x"
    assert loaded.environment["LANGFUSE_SECRET_KEY"] == "s1"
    assert loaded.environment["OTEL_EXPORTER"] == "console"
    settings = loaded.config.litellm_settings
    assert settings.success_callback == ("langfuse",)
    assert settings.turn_off_message_logging
    (alpha,) = settings.default_team_settings
    assert (alpha.team_id, alpha.extra["langfuse_secret"]) == ("alpha", "sa")
    assert loaded.problems == ()


def test_guardrails(conformance: Conformance) -> None:
    loaded = conformance(8)
    assert [entry.guardrail_name for entry in loaded.config.guardrails] == ["words", "pii", "tools", "tagged"]
    assert loaded.config.guardrails[1].litellm_params["mode"] == ["pre_call", "post_call"]
    assert loaded.config.guardrails[2].litellm_params["default_action"] == "deny"
    assert loaded.config.policies["strict"].inherit == "base"
    assert loaded.config.model_list[0].params.guardrails == ("words",)
    assert loaded.problems == ()


def test_tools(conformance: Conformance) -> None:
    loaded = conformance(9)
    assert loaded.config.mcp_servers["docs_http"].auth_value == "mt"
    assert loaded.config.litellm_settings.mcp_aliases == {"handbook": "docs_http"}
    assert messages(loaded) == ["mcp_servers.files: is a stdio server, and those are off, so it stays down"]
    assert conformance(9, TIANJI_ENABLE_MCP_STDIO="true").problems == ()


def test_endpoints(conformance: Conformance) -> None:
    loaded = conformance(10)
    raw, partner = loaded.config.general_settings.pass_through_endpoints
    assert raw.auth
    assert partner.auth
    assert raw.headers["Authorization"] == "bearer co"
    assert (partner.include_subpath, partner.methods) == (True, ("GET", "POST"))
    assert loaded.config.model_list[0].params.use_in_pass_through
    assert loaded.problems == ()


def test_governance(conformance: Conformance) -> None:
    loaded = conformance(11)
    free, paid = loaded.config.model_list
    assert (free.params.tags, free.params.max_budget, free.info.tier) == (("free",), 10, "free")
    assert paid.params.tag_regex == ("^agent/",)
    budgets = loaded.config.router_settings.provider_budget_config
    assert (budgets["openai"].budget_limit, budgets["anthropic"].max_budget) == (100, 50)
    assert loaded.config.litellm_settings.priority_reservation == {"prod": 0.8, "dev": 0.2}
    assert loaded.config.general_settings.token_rate_limit_type == "output"


def test_messy(conformance: Conformance) -> None:
    loaded = conformance(12)
    by_name = {entry.model_name: entry for entry in loaded.config.model_list}
    shared = by_name["with-cred"].params
    assert (shared.api_key, shared.api_base) == ("k1", "https://api.openai.com/v1")
    quoted = by_name["quoted"].params
    assert (quoted.rpm, quoted.timeout, quoted.max_retries, quoted.drop_params) == (10, 30, 2, True)
    assert quoted.prices == {"input_cost_per_token": 1e-6}
    assert by_name["canned"].extra == {"custom_note": "kept"}
    assert by_name["canned"].params.mock_response == "always this"
    assert {"from-include", "from-nested"} <= by_name.keys()
    assert loaded.config.litellm_settings.drop_params is None
    assert loaded.config.litellm_settings.num_retries == 7
    assert reliability(loaded.config, loaded.environment).num_retries == 1
    assert [file.name for file in loaded.files] == ["12_messy.yaml", "extra_models.yaml", "more.yaml"]
    unknown = [problem.key for problem in loaded.problems if problem.message.startswith("is not a known key")]
    assert set(unknown) == {
        "fallbacks", "server_settings", "general_settings.json_logs", "general_settings.max_budget",
        "general_settings.routing_strategy", "router_settings.enable_fallback",
    }  # fmt: skip


def test_a_deployment_that_nobody_can_serve_is_dropped_with_its_line() -> None:
    def accepts(params: ModelParams) -> str | None:
        return "the provider `nosuchprovider` is not known" if params.model.startswith("nosuch") else None

    file = Path(__file__).parent / "conformance" / "12_messy.yaml"
    loaded = load(file, {"OPENAI_API_KEY": "k"}, directory=file.parent, accepts=accepts)
    names = [entry.model_name for entry in loaded.config.model_list]
    assert names == ["with-cred", "quoted", "canned", "from-include", "from-nested"]
    (dropped,) = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (dropped.line, dropped.key) == (13, "model_list[2].litellm_params.model")
    assert not dropped.fatal


def test_the_id_is_the_hash_of_name_and_parameters_in_file_order(snippet: Conformance) -> None:
    loaded = snippet(
        "model_list:\n- model_name: m\n  litellm_params:\n"
        "    {model: openai/x, api_key: os.environ/K, rpm: 5, extra_body: {a: 1}}\n",
        K="s3",
    )
    text = "m" + "model" + "openai/x" + "api_key" + "s3" + "rpm" + "5" + "extra_body" + json.dumps({"a": 1})
    assert loaded.config.model_list[0].id == hashlib.sha256(text.encode()).hexdigest()
