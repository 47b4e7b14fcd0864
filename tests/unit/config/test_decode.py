"""Conversion is as lenient as the files in the wild need, and nothing crashes the loader."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.depth import examples

from tianji.config import InvalidConfiguration, load
from tianji.config.decode import number
from tianji.config.schema import Config, GeneralSettings, ModelInfo, ModelParams, RouterSettings, Settings
from tianji.config.schema.root import SECTIONS

from .conftest import MODEL, Snippet

LENIENT = [
    ('rpm: "10"', "rpm", 10), ("rpm: 1e5", "rpm", 100_000), ("rpm: 5.0", "rpm", 5), ("rpm: 20_000", "rpm", 20_000),
    ('timeout: "30"', "timeout", 30.0), ("timeout: 1e-5", "timeout", 1e-5), ("timeout: 5", "timeout", 5.0),
    ('drop_params: "true"', "drop_params", True), ("drop_params: no", "drop_params", False),
    ('use_litellm_proxy: "False"', "use_litellm_proxy", False), ("tags: one", "tags", ("one",)),
    ("api_version: 2024-10-21", "api_version", "2024-10-21"), ("ssl_verify: /ca.pem", "ssl_verify", "/ca.pem"),
    ("ssl_verify: false", "ssl_verify", False), ("ssl_verify: 'false'", "ssl_verify", False),
    ("extra_headers: {a: 1, b: null}", "extra_headers", {"a": "1"}), ("timeout: null", "timeout", None),
    ("max_retries: '2'", "max_retries", 2), ("organization: [a]", "organization", "a"), ("weight: 0", "weight", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("param", "name", "value"), LENIENT)
def test_parameters_are_converted(snippet: Snippet, param: str, name: str, value: object) -> None:
    loaded = snippet(f"model_list:\n- {{model_name: m, litellm_params: {{model: openai/x, {param}}}}}\n")
    converted = getattr(loaded.config.model_list[0].params, name)
    assert converted == value
    assert type(converted) is type(value)


def test_passed_holds_what_goes_upstream_in_file_order(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n- model_name: m\n  litellm_params:\n"
        "    {zeta: 1, model: openai/x, temperature: 0.5, rpm: 1, alpha: {b: [1]}, seed: null, aws_region_name: r,\n"
        "     input_cost_per_token: 1, supports_vision: true, supports_system_message: true}\n"
    )
    (entry,) = loaded.config.model_list
    assert list(entry.params.passed.items()) == [("zeta", 1), ("temperature", 0.5), ("alpha", {"b": [1]})]
    assert entry.params.provider == {"aws_region_name": "r"}
    assert entry.params.prices == entry.info.prices == {"input_cost_per_token": 1.0}
    assert entry.params.extra == {}
    assert list(entry.params.written)[:3] == ["zeta", "model", "temperature"]
    (problem,) = loaded.problems
    assert (problem.key, problem.line) == ("model_list[0].litellm_params.supports_vision", 5)


def test_a_credential_fills_in_and_does_not_override(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n"
        "- {model_name: m, litellm_params: {model: openai/x, api_key: own, litellm_credential_name: c}}\n"
        "- {model_name: n, litellm_params: {model: openai/x, litellm_credential_name: none}}\n"
        "credential_list:\n"
        "- {credential_name: c, credential_values: {api_key: shared, api_base: b}, credential_info: {}}\n"
    )
    first, second = loaded.config.model_list
    assert (first.params.api_key, first.params.api_base) == ("own", "b")
    assert second.params.api_key is None
    assert [problem.line for problem in loaded.problems] == [3]


def test_quoted_booleans_of_settings_do_not_switch_anything(snippet: Snippet) -> None:
    loaded = snippet(
        MODEL + 'general_settings: {enforce_fallback_budget: "false", store_model_in_db: "true"}\n'
        'litellm_settings: {set_verbose: "true"}\n'
    )
    general = loaded.config.general_settings
    assert (general.enforce_fallback_budget, general.store_model_in_db) == (True, False)
    assert loaded.config.litellm_settings.set_verbose is True
    assert [problem.severity for problem in loaded.problems] == ["warning", "warning"]


def test_quoted_auth_of_a_pass_through_stays_closed(snippet: Snippet) -> None:
    loaded = snippet(
        MODEL + 'general_settings: {pass_through_endpoints: [{path: /x, target: "https://t", auth: "false"}]}\n'
    )
    assert loaded.config.general_settings.pass_through_endpoints[0].auth is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5.0), ("1e-5", 1e-5), (" 7 ", 7.0), (True, None), ("x", None), (None, None), ([], None), ("nan", None)],
)
def test_number(value: object, expected: float | None) -> None:
    assert number(value) == expected


KEYS = st.sampled_from(
    sorted(
        SECTIONS
        | {"litellm_params", "model_info", "model_name", "model", "guardrail", "mode", "include", "x-a"}
        | {
            field
            for schema in (Config, ModelParams, ModelInfo, Settings, RouterSettings, GeneralSettings)
            for field in schema.__struct_fields__
        }
    )
) | st.text(max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["os.environ/A", "os.environ/", "${A}", "openai/*", "a.b", "1e400", "2024-01-01", "-"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES, max_size=5) | VALUES)
@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_configuration_crashes_the_loader(tmp_path: Path, tree: object) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
    check_loads_or_refuses(file)


@given(st.sampled_from(["litellm_settings", "router_settings", "general_settings"]), st.data())
@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_section_crashes_the_loader(tmp_path: Path, section: str, data: st.DataObject) -> None:
    schema = {"litellm_settings": Settings, "router_settings": RouterSettings, "general_settings": GeneralSettings}
    keys = st.sampled_from(sorted(schema[section].__struct_fields__))
    members = data.draw(st.dictionaries(keys, VALUES, max_size=4))
    entry = {
        "model_name": "m",
        "litellm_params": {"model": "openai/x", **data.draw(st.dictionaries(KEYS, VALUES, max_size=3))},
        "model_info": data.draw(st.dictionaries(KEYS, VALUES, max_size=3)),
    }
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({section: members, "model_list": [entry]}, allow_unicode=True), "utf-8")
    check_loads_or_refuses(file)


def check_loads_or_refuses(file: Path) -> None:
    try:
        loaded = load(file, {"A": "1"}, directory=file.parent)
    except InvalidConfiguration as error:
        assert any(problem.fatal for problem in error.findings)  # noqa: PT017 - both outcomes are right
    else:
        assert not any(problem.fatal for problem in loaded.problems)
        assert isinstance(loaded.config, Config)
