"""Auto routers in a configuration: kept apart from deployments, read from text and files, judged with their place."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tianji.config import InvalidConfiguration, Loaded, load
from tianji.config import auto_router as reading
from tianji.config.problems import Findings, Problem
from tianji.config.report import rows

from .conftest import Snippet

GROUPS = """model_list:
- {model_name: a, litellm_params: {model: openai/x}}
- {model_name: b, litellm_params: {model: openai/y}}
"""
ROUTES = {"routes": [{"name": "b", "utterances": ["one", "two"], "score_threshold": 0.5}]}


def router(params: str, name: str = "auto") -> str:
    """Groups a and b, and a router on line 4 whose parameters begin on line 5."""
    return f"{GROUPS}- model_name: {name}\n  litellm_params:\n    model: auto_router/r\n{params}"


def rules(text: str) -> str:
    return router(f"    auto_router_default_model: a\n    auto_router_rules:\n    - {text}\n")


def complexity(text: str) -> str:
    model = "    model: auto_router/complexity_router\n    complexity_router_default_model: a\n"
    return f"{GROUPS}- model_name: auto\n  litellm_params:\n{model}    complexity_router_config: {text}\n"


def problems(snippet: Snippet, text: str, **environ: str) -> tuple[Problem, ...]:
    try:
        return snippet(text, **environ).problems
    except InvalidConfiguration as invalid:
        return invalid.findings


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).touch()
    return folder


def test_a_router_is_no_deployment(snippet: Snippet) -> None:
    loaded = snippet(rules("{model: b, min_characters: 5}"))
    assert loaded.problems == ()
    assert [entry.model_name for entry in loaded.config.model_list] == ["a", "b"]
    (entry,) = loaded.config.auto_routers
    assert (entry.model_name, entry.params.is_auto_router) == ("auto", True)
    assert entry.params.auto_router_rules[0].min_characters == 5


def test_a_router_needs_no_provider(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(rules("{model: b, min_characters: 5}"))
    loaded = load(
        file, {}, directory=tmp_path, accepts=lambda params: "no provider" if "auto" in params.model else None
    )
    assert (loaded.problems, len(loaded.config.auto_routers)) == ((), 1)


def test_a_router_may_be_what_a_fallback_or_an_alias_leads_to(snippet: Snippet) -> None:
    more = "router_settings: {model_group_alias: {z: auto}, fallbacks: [{a: [auto]}]}\n"
    assert problems(snippet, rules("{model: b, min_characters: 5}") + more) == ()


RULES = [
    ("{model: c, has_tools: true}", "warning", "auto_router_rules[0].model", "no model is called 'c'"),
    ("{model: auto, has_tools: true}", "error", "auto_router_rules[0].model", "does not lead to an auto router"),
    ("{model: b}", "error", "auto_router_rules[0]", "has no condition"),
    ("{model: b, regex: '('}", "error", "auto_router_rules[0].regex", "missing )"),
    (r"{model: b, regex: '(a)\1'}", "error", "auto_router_rules[0].regex", "is not a regular expression"),
    ("{model: b, min_tokens: 5, max_tokens: 4}", "error", "auto_router_rules[0].min_tokens", "nothing fits"),
    ("{model: b, min_code_share: 0.5, max_code_share: 0.4}", "error", "rules[0].min_code_share", "nothing fits"),
    ("{model: b, has_tool: true}", "warning", "auto_router_rules[0].has_tool", "is not a known key"),
    ("{model: b, languages: [xx]}", "dropped", "auto_router_rules[0].languages[0]", "must be one of"),
    ("{has_tools: true}", "dropped", "auto_router_rules[0]", "has no `model`"),
]


@pytest.mark.parametrize(("rule", "severity", "key", "message"), RULES)
def test_a_faulty_rule(snippet: Snippet, rule: str, severity: str, key: str, message: str) -> None:
    found = problems(snippet, rules(rule))
    (problem,) = [problem for problem in found if message in problem.message]
    assert ("dropped" if problem.dropped else problem.severity) == severity
    assert problem.key.startswith("model_list[2].litellm_params.")
    assert problem.key.endswith(key)
    assert problem.line == 9
    assert problem.remedy or problem.dropped


COMPLEXITY = [
    ("{tiers: {SIMPLE: c}}", "warning", "complexity_router_config.tiers.SIMPLE", "no model is called 'c'"),
    ("{tiers: {SIMPLE: [a, c]}}", "warning", "complexity_router_config.tiers.SIMPLE", "no model is called 'c'"),
    ("{tiers: {EASY: a}}", "error", "complexity_router_config.tiers.EASY", "is not a tier"),
    ("{tiers: {}}", "error", "litellm_params", "no tier has a model"),
    ("{tiers: {SIMPLE: a}, tier_boundaries: {simple_medium: 0.5}}", "error", "tier_boundaries", "do not rise"),
    ("{tiers: {SIMPLE: a}, dimension_weights: {code: 1}}", "error", "dimension_weights.code", "is not a dimension"),
    ("{tiers: {SIMPLE: a}, classifier_type: llm}", "warning", "classifier_type", "has no effect"),
    ("{tiers: {SIMPLE: a}, session_affinity: true}", "warning", "session_affinity", "has no effect"),
    ("{tiers: {SIMPLE: a}, keyword_tier_rules: [{keywords: [x]}]}", "dropped", "keyword_tier_rules[0]", "no `tier`"),
]


@pytest.mark.parametrize(("config", "severity", "key", "message"), COMPLEXITY)
def test_a_faulty_complexity_router(snippet: Snippet, config: str, severity: str, key: str, message: str) -> None:
    (problem,) = problems(snippet, complexity(config))
    assert message in problem.message
    assert ("dropped" if problem.dropped else problem.severity) == severity
    assert problem.key.endswith(key)
    assert problem.line in {5, 8}


def test_a_complexity_router_without_findings(snippet: Snippet) -> None:
    text = "{tiers: {SIMPLE: a, REASONING: [a, b]}, classifier_type: heuristic, token_thresholds: {simple: 3}}"
    loaded = snippet(complexity(text))
    assert loaded.problems == ()
    config = loaded.config.auto_routers[0].params.complexity_router_config
    assert config is not None
    assert config.tiers == {"SIMPLE": "a", "REASONING": ("a", "b")}
    assert (config.token_thresholds.simple, config.token_thresholds.complex) == (3, 400)


ROUTERS = [
    ("    auto_router_rules: [{model: b, has_tools: true}]\n", "error", "has no default model"),
    (
        "    auto_router_default_model: c\n    auto_router_rules: [{model: b, has_tools: true}]\n",
        "error",
        "is called 'c'",
    ),
    (
        "    auto_router_default_model: auto\n    auto_router_rules: [{model: b, has_tools: true}]\n",
        "error",
        "does not lead",
    ),
    ("    auto_router_default_model: a\n", "error", "nothing to go by"),
    ("    auto_router_default_model: a\n    auto_router_config: '{'\n", "error", "is not JSON"),
    ("    auto_router_default_model: a\n    auto_router_config: '[]'\n", "error", "must be a mapping"),
    ("    auto_router_default_model: a\n    auto_router_config_path: none.json\n", "error", "cannot be read"),
    ("    auto_router_default_model: a\n    auto_router_config: {routes: []}\n", "error", "has no embedding model"),
]


@pytest.mark.parametrize(("params", "severity", "message"), ROUTERS)
def test_a_faulty_router(snippet: Snippet, params: str, severity: str, message: str) -> None:
    found = [problem for problem in problems(snippet, router(params)) if message in problem.message]
    assert [problem.severity for problem in found] == [severity]
    assert found[0].remedy
    assert found[0].line >= 4


def test_an_alias_of_a_router_is_a_router(snippet: Snippet) -> None:
    (problem,) = problems(
        snippet, rules("{model: z, has_tools: true}") + "router_settings: {model_group_alias: {z: auto}}\n"
    )
    assert "does not lead to an auto router" in problem.message


def test_names_that_are_taken(snippet: Snippet) -> None:
    params = "    auto_router_default_model: a\n    auto_router_rules: [{model: b, has_tools: true}]\n"
    (problem,) = problems(snippet, router(params, name="a"))[:1]
    assert (problem.key, problem.line) == ("model_list[2].model_name", 4)
    assert "names deployments too" in problem.message
    twice = router(params) + router(params).removeprefix(GROUPS)
    found = [problem for problem in problems(snippet, twice) if "several auto routers" in problem.message]
    assert [problem.key for problem in found] == ["model_list[2].model_name", "model_list[3].model_name"]


@pytest.mark.parametrize(
    ("config", "severity", "key", "message"),
    [
        ("", "error", "", "no model to choose from"),
        ("{available_models: [a, c]}", "warning", ".adaptive_router_config.available_models[1]", "no model is called"),
        (
            "{available_models: [a], weights: {quality: 1}}",
            "error",
            ".adaptive_router_config.weights",
            "1 and cost 0.3",
        ),
        (
            "{available_models: [a], weights: {quality: 2, cost: -1}}",
            "error",
            ".adaptive_router_config.weights",
            "2 and",
        ),
        ("{available_models: [a], weights: {speed: 1}}", "warning", ".adaptive_router_config.weights.speed", "speed"),
    ],
)
def test_adaptive_routers_are_checked(snippet: Snippet, config: str, severity: str, key: str, message: str) -> None:
    text = f"{GROUPS}- model_name: auto\n  litellm_params:\n    model: auto_router/adaptive_router\n"
    text += "    adaptive_router_default_model: b\n"
    text += f"    adaptive_router_config: {config}\n" if config else ""
    found = [problem for problem in problems(snippet, text) if message in f"{problem.key} {problem.message}"]
    assert [(problem.severity, problem.key.endswith(key)) for problem in found] == [(severity, True)]


def test_the_default_of_an_adaptive_router(snippet: Snippet) -> None:
    model = "- model_name: auto\n  litellm_params:\n    model: auto_router/adaptive_router\n"
    models = "    adaptive_router_config: {available_models: [b, a], weights: {quality: 0.5, cost: 0.5}}\n"
    for params, default in (("    adaptive_router_default_model: a\n", "a"), ("", "b")):
        loaded = snippet(f"{GROUPS}{model}{models}{params}")
        assert loaded.problems == ()
        assert reading.default_model(loaded.config.auto_routers[0].params) == default


@pytest.mark.parametrize(
    ("config", "severity", "key", "message"),
    [
        ("", "error", "", "no model to choose from"),
        ("{available_models: [c]}", "error", "", "no model is called 'c'"),
        (
            "{available_models: [a, c]}",
            "warning",
            "quality_router_config.available_models[1]",
            "no model is called 'c'",
        ),
        ("{available_models: [a]}", "warning", "quality_router_config.available_models[0]", "does not say its quality"),
        (
            "{available_models: [a], complexity_to_quality: {SIMPEL: 1}}",
            "error",
            "quality_router_config.complexity_to_quality.SIMPEL",
            "not a tier",
        ),
    ],
)
def test_a_quality_router_that_cannot_decide(
    snippet: Snippet, config: str, severity: str, key: str, message: str
) -> None:
    written = f"    quality_router_config: {config}\n" if config else "    quality_router_default_model: a\n"
    text = f"{GROUPS}- model_name: auto\n  litellm_params:\n    model: auto_router/quality_router\n{written}"
    found = [problem for problem in problems(snippet, text) if message in problem.message]
    assert found, problems(snippet, text)
    assert found[0].severity == severity
    assert found[0].key.endswith(key)


def semantic(model: str, **config: Any) -> str:
    text = json.dumps({**ROUTES, **config})
    head = f"    auto_router_default_model: a\n    auto_router_embedding_model: {model}\n"
    return router(f"{head}    auto_router_config: '{text}'\n")


def test_a_static_model_beside_the_configuration(snippet: Snippet, tmp_path: Path) -> None:
    a_model(tmp_path / "models" / "small")
    loaded = snippet(semantic("models/small"))
    assert loaded.problems == ()
    found = reading.semantic_config(loaded.config.auto_routers[0], tmp_path, Findings())
    assert found is not None
    (route,) = found.routes
    assert (route.name, route.utterances, route.score_threshold) == ("b", ("one", "two"), 0.5)


@pytest.mark.parametrize("spelling", ["tianji_params", "litellm_params"])
def test_routes_in_a_file_or_as_yaml(snippet: Snippet, tmp_path: Path, spelling: str) -> None:
    a_model(tmp_path / "small")
    (tmp_path / "routes.json").write_text(json.dumps({"encoder_type": "openai", "encoder_name": "x", **ROUTES}))
    head = "    auto_router_default_model: a\n    auto_router_embedding_model: small\n"
    for config in ("auto_router_config_path: routes.json", f"auto_router_config: {json.dumps(ROUTES)}"):
        loaded = snippet(router(f"{head}    {config}\n").replace("  litellm_params:\n", f"  {spelling}:\n"))
        assert loaded.problems == ()
        found = reading.semantic_config(loaded.config.auto_routers[0], tmp_path, Findings())
        assert found is not None
        assert [route.name for route in found.routes] == ["b"]


def test_a_model_that_is_nowhere(snippet: Snippet) -> None:
    (problem,) = problems(snippet, semantic("minishlab/potion-base-8M"), HOME="/nowhere")
    assert (problem.severity, problem.line) == ("error", 8)
    assert problem.key == "model_list[2].litellm_params.auto_router_embedding_model"
    assert "none is fetched" in problem.message
    assert "hf download" in problem.remedy


def test_a_model_group_may_embed(snippet: Snippet) -> None:
    assert list(problems(snippet, semantic("b"))) == []


def test_routes_that_lead_nowhere(snippet: Snippet, tmp_path: Path) -> None:
    a_model(tmp_path / "small")
    routes = [{"name": "nobody", "utterances": ["x"]}, {"name": "b", "utterances": []}, {"utterances": ["x"]}]
    found = {(problem.severity, problem.message) for problem in problems(snippet, semantic("small", routes=routes))}
    assert ("error", "has no `name`") in found
    found = {(problem.severity, problem.message) for problem in problems(snippet, semantic("small", routes=routes[:2]))}
    assert found == {
        ("warning", "no model is called 'nobody', so the default model takes its requests"),
        ("warning", "the route 'b' has no utterances, so nothing goes there"),
    }


def test_the_cache_of_hugging_face(tmp_path: Path) -> None:
    def found(name: str, **environ: str) -> Path | None:
        return reading.static_model_folder(name, tmp_path / "beside", environ)

    older = a_model(tmp_path / "home/.cache/huggingface/hub/models--owner--name/snapshots/older")
    newer = a_model(tmp_path / "home/.cache/huggingface/hub/models--owner--name/snapshots/newer")
    os.utime(older, (1, 1))
    elsewhere = a_model(tmp_path / "cache/models--owner--name/snapshots/one")
    home = {"HOME": str(tmp_path / "home")}
    assert found("owner/name", **home) == newer
    assert found("owner/name", HF_HOME=str(tmp_path / "home/.cache/huggingface")) == newer
    assert found("owner/name", **home, HF_HUB_CACHE=str(tmp_path / "cache")) == elsewhere
    assert [found(name, **home) for name in ("owner/other", "name", "own*/name", "owner/../x", "")] == [None] * 5
    assert found(str(elsewhere)) == elsewhere


@pytest.mark.parametrize(
    ("package", "text", "extra"),
    [("re2", rules("{model: b, regex: x}"), "tianji[rules]"), ("model2vec", semantic("small"), "tianji[semantic]")],
)
def test_a_package_that_is_missing(
    snippet: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, text: str, extra: str
) -> None:
    a_model(tmp_path / "small")
    monkeypatch.setattr("tianji.config.patterns.find_spec", lambda name: None if name == package else object())
    monkeypatch.setattr("tianji.config.auto_router.find_spec", lambda name: None if name == package else object())
    (problem,) = problems(snippet, text)
    assert problem.severity == "error"
    assert extra in problem.remedy


def levels(loaded: Loaded) -> Mapping[str, str]:
    return {row.key.rpartition(".")[2]: row.level for row in rows(loaded)}


def test_what_is_honoured(snippet: Snippet, tmp_path: Path) -> None:
    a_model(tmp_path / "small")
    found = levels(snippet(semantic("small") + "    auto_router_routing_compression: {a: 1}\n"))
    assert found["auto_router_config"] == "exact"
    assert found["auto_router_embedding_model"] == "exact"
    assert found["auto_router_routing_compression"] == "unsupported"
    assert levels(snippet(complexity("{tiers: {SIMPLE: a}}")))["complexity_router_config"] == "partial"
