"""From a configuration to routers that decide, whatever of it cannot be used."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tianji._core.edges.attempts import AttemptTable
from tianji._core.routing.dice import Dice
from tianji._core.sharing.shm import SharedCounters
from tianji.config import Config, ModelEntry, ModelInfo, ModelParams, Place, load
from tianji.config.schema.auto_router import AdaptiveWeights
from tianji.routing.auto import AutoRouter, Content, Decision, Surroundings
from tianji.routing.auto.adaptive import AdaptiveRouter, Arm
from tianji.routing.auto.compile import compile_auto_routers
from tianji.routing.auto.decision import Default
from tianji.routing.auto.distant import AsyncEmbed, DistantSemanticRouter
from tianji.routing.auto.school import School

from .conftest import Embedding, content, said

ROUTES = {
    "routes": [
        {"name": "coder", "utterances": ["python function", "a bug"], "score_threshold": 0.6},
        {"name": "chef", "utterances": ["onion soup"]},
    ]
}
DEFAULT = {"auto_router_default_model": "plain"}
Compile = Callable[..., dict[str, AutoRouter]]


@pytest.fixture
def routers(tmp_path: Path) -> Compile:
    """Compile routers of these parameters beside deployments of some groups; `asks` embeds by a model group."""

    def run(*entries: dict[str, Any], asks: Callable[[str], AsyncEmbed] | None = None) -> dict[str, AutoRouter]:
        written = [
            {"model_name": name, "litellm_params": {"model": "openai/x"}}
            for name in ("plain", "coder", "chef", "large")
        ]
        for index, params in enumerate(entries):
            written.append({"model_name": f"auto{index}", "litellm_params": {"model": "auto_router/r", **params}})
        file = tmp_path / "c.yaml"
        file.write_text(json.dumps({"model_list": written}))
        config = load(file, {}, directory=tmp_path).config
        groups = {entry.model_name for entry in config.model_list}
        return compile_auto_routers(
            config,
            Surroundings(
                directory=tmp_path, environ={}, serves=groups.__contains__, dice=Dice(1), school=school(), asks=asks
            ),
        )

    return run


def school() -> School:
    return School(SharedCounters(), AttemptTable())


def decided(router: AutoRouter, found: Content) -> Decision:
    decision = router.decide(found)
    assert isinstance(decision, Decision)
    return decision


def test_a_prompt_about_code_goes_to_the_group_for_code(routers: Compile, static_model: Path) -> None:
    (router,) = routers(
        {
            **DEFAULT,
            "auto_router_rules": [
                {"model": "large", "min_characters": 1000},
                {"model": "coder", "regex": r"\bdef \w+\("},
            ],
            "auto_router_config": json.dumps(ROUTES),
            "auto_router_embedding_model": str(static_model),
        }
    ).values()
    assert decided(router, said("what does def f(x) do")) == Decision("coder", "rule: coder")
    assert decided(router, said("refactor the class")) == Decision("coder", "meaning: coder 1.00")
    assert decided(router, said("salt and butter")) == Decision("chef", "meaning: chef 1.00")
    assert decided(router, said("x" * 1000)) == Decision("large", "rule: large")
    assert decided(router, said("good day")) == Decision("plain", "default: nothing fits")
    assert decided(router, content(messages=5)) == Decision("plain", "default: nothing fits")


def test_a_threshold_is_that_of_the_route(routers: Compile, static_model: Path) -> None:
    params = {**DEFAULT, "auto_router_config": ROUTES, "auto_router_embedding_model": str(static_model)}
    (router,) = routers(params).values()
    halves = said("bug contract clause")  # a cosine of 0.45
    assert decided(router, halves).group == "plain"
    assert decided(router, said("soup contract clause")).group == "chef"


def test_complexity(routers: Compile) -> None:
    (router,) = routers(
        {
            "model": "auto_router/complexity_router",
            "complexity_router_default_model": "plain",
            "complexity_router_config": {"tiers": {"SIMPLE": "chef", "REASONING": ["large"]}},
        }
    ).values()
    assert decided(router, said("hello")).group == "chef"
    assert decided(router, said("prove it step by step, please, in all cases that there are")).group == "large"
    assert decided(router, said("Write a Python function that removes all doubles from a list.")).group == "plain"


@pytest.mark.parametrize(
    ("params", "group"),
    [
        ({"complexity_router_default_model": "chef", "complexity_router_config": {"default_model": "coder"}}, "chef"),
        ({"complexity_router_config": {"default_model": "coder"}}, "coder"),
    ],
)
def test_the_default_of_a_complexity_router(routers: Compile, params: dict[str, Any], group: str) -> None:
    params.setdefault("complexity_router_config", {})["tiers"] = {"SIMPLE": "plain"}
    (router,) = routers({"model": "auto_router/complexity_router", **params}).values()
    assert decided(router, said("")).group == group


def test_a_group_that_nothing_serves_gives_way_to_the_default(
    routers: Compile, static_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    routes = {"routes": [{"name": "nobody", "utterances": ["onion soup"]}]}
    semantic = {"auto_router_config": routes, "auto_router_embedding_model": str(static_model)}
    rules = {"auto_router_rules": [{"model": "no-one", "has_tools": True}]}
    (router,) = routers({**DEFAULT, **semantic, **rules}).values()
    assert decided(router, said("soup")) == Decision("plain", "meaning: nobody 1.00")
    assert decided(router, content(tools=[{}])) == Decision("plain", "rule: no-one")
    assert "no model is called 'nobody'" in caplog.text
    assert "no model is called 'no-one'" in caplog.text


def test_an_adaptive_router_goes_by_what_deployments_say(tmp_path: Path) -> None:
    """As LiteLLM's documentation configures it."""
    written: list[dict[str, Any]] = [
        {
            "model_name": "smart",
            "litellm_params": {"model": "openai/gpt-4o"},
            "model_info": {"adaptive_router_preferences": {"quality_tier": 3, "strengths": ["code_generation"]}},
        },
        {
            "model_name": "fast",
            "litellm_params": {"model": "openai/x"},
            "model_info": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
        },
        {
            "model_name": "auto",
            "litellm_params": {
                "model": "auto_router/adaptive_router",
                "adaptive_router_default_model": "fast",
                "adaptive_router_config": {
                    "available_models": ["smart", "fast", "nobody"],
                    "weights": {"quality": 0.6, "cost": 0.4},
                },
            },
        },
    ]
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"model_list": written}))
    taught = school()
    around = Surroundings(
        directory=tmp_path, environ={}, serves={"smart", "fast"}.__contains__, dice=Dice(1), school=taught
    )
    router = compile_auto_routers(load(file, {}).config, around)["auto"]
    assert isinstance(router, AdaptiveRouter)
    assert taught.routers == {"auto": router}
    assert router.weights == AdaptiveWeights(quality=0.6, cost=0.4)
    smart, fast = router.arms  # the default stands for whom nothing serves, and stands there once
    assert (smart.group, smart.tier, smart.strengths) == ("smart", 3, ("code_generation",))
    assert smart.price == pytest.approx(12.5e-6)  # of the catalogue
    assert fast == Arm("fast", 2, (), pytest.approx(2e-6))


def test_an_adaptive_router_without_models_has_its_default(tmp_path: Path) -> None:
    """Loading refuses such a configuration, too."""
    params = ModelParams(model="auto_router/adaptive_router", adaptive_router_default_model="plain")
    entry = ModelEntry(model_name="auto", params=params, info=ModelInfo(), id="i", place=Place(tmp_path, 1))
    around = Surroundings(directory=tmp_path, environ={}, serves=lambda _: True, dice=Dice(1), school=school())
    router = compile_auto_routers(Config(auto_routers=(entry,)), around)["auto"]
    assert decided(router, said("hello")) == Decision("plain", "default: no model may be chosen")


def test_a_quality_router_goes_by_what_deployments_say(tmp_path: Path) -> None:
    """As LiteLLM's documentation configures it: a tier and keywords in `model_info` of each model."""
    written = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/x"},
            "model_info": {"litellm_routing_preferences": preferences, "input_cost_per_token": price},
        }
        for name, price, preferences in (
            ("small", 0.1, {"quality_tier": 1}),
            ("large", 0.4, {"quality_tier": 3, "keywords": ["Gravity"]}),
            ("cheap", 0.2, {"quality_tier": 3}),
            ("apart", 0.0, {"quality_tier": 2}),
        )
    ]
    params = {
        "model": "auto_router/quality_router",
        "quality_router_config": {
            "available_models": ["small", "large", "cheap"],
            "complexity_to_quality": {"SIMPLE": 2},
        },
    }
    written.append({"model_name": "auto", "litellm_params": params})
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"model_list": written}))
    loaded = load(file, {}, directory=tmp_path)
    assert loaded.problems == ()
    around = Surroundings(directory=tmp_path, environ={}, serves=lambda _name: True, dice=Dice(1), school=school())
    router = compile_auto_routers(loaded.config, around)["auto"]
    assert decided(router, said("what is GRAVITY")).group == "large"  # by its keyword
    assert decided(router, said("hi")).group == "cheap"  # 2 is asked for, the next higher one is 3, and it costs less
    assert decided(router, said("")) == Decision("small", "default: no text")


def test_a_model_that_cannot_be_loaded_leaves_the_default(
    routers: Compile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken").mkdir()
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / "broken" / name).write_bytes(b"?")
    (router,) = routers({**DEFAULT, "auto_router_config": ROUTES, "auto_router_embedding_model": "broken"}).values()
    assert decided(router, said("python")) == Decision("plain", "default: this router cannot be made")
    assert "holds no static model" in caplog.text


async def test_a_model_group_may_embed(routers: Compile, embed: Embedding) -> None:
    asked: list[str] = []

    def asks(name: str) -> AsyncEmbed:
        async def run(texts: list[str]) -> Any:
            asked.append(name)
            return embed(texts)

        return run

    params = {**DEFAULT, "auto_router_config": ROUTES, "auto_router_embedding_model": "large"}
    (router,) = (await asyncio.to_thread(routers, params, asks=asks)).values()  # reading files would block the loop
    assert isinstance(router, DistantSemanticRouter)
    assert await router.decide(said("python bug")) == Decision("coder", "meaning: coder 1.00")
    assert asked == ["large", "large"]


def test_where_no_upstream_can_be_asked_the_default_decides(routers: Compile, caplog: pytest.LogCaptureFixture) -> None:
    params = {**DEFAULT, "auto_router_config": ROUTES, "auto_router_embedding_model": "large"}
    (router,) = routers(params).values()
    assert isinstance(router, Default)
    assert "no upstream can be asked" in caplog.text


def test_without_a_default_model_there_is_no_router(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Loading refuses such a configuration; whoever makes one otherwise gets no router that leads nowhere."""
    entry = ModelEntry(
        model_name="auto", params=ModelParams(model="auto_router/r"), info=ModelInfo(), id="i", place=Place(tmp_path, 1)
    )
    around = Surroundings(directory=tmp_path, environ={}, serves=lambda _: True, dice=Dice(1), school=school())
    assert compile_auto_routers(Config(auto_routers=(entry,)), around) == {}
    assert "has no default model" in caplog.text


def test_the_reason_is_fit_for_a_header() -> None:
    assert Decision("g", "rule: 天\r\nx: y").headers == ((b"x-tianji-auto-router", rb"rule: \u5929\x0d\x0ax: y"),)
