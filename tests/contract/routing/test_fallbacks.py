"""Fallbacks: conformance table G, through the running gateway."""

import pytest

from .stage import Stage
from .table import FIRST, Row, ask, lists, row

ALL = {"a1": 500, "b1": 500, "c1": 500, "d1": 500}
AB = lists(a=["b"])
TIERS = {"a1": {"order": 1}, "a2": {"order": 2}, "a3": {"order": 3}}
OTHER = [{"role": "user", "content": "four"}]

ROWS: dict[str, Row] = {
    "G1 of litellm_settings": row(
        ask("a1,b1", 500), settings={**lists(a=["b"], b=["c"]), "max_fallbacks": 1}, script=ALL
    ),
    "G5 of litellm_settings": row(
        ask("a1,b1", group="b"), settings={"default_fallbacks": ["b"]}, script={"a1": 500}
    ),
    "G32 of litellm_settings": row(
        ask("a1,b1", group="b"),
        ask("c1,b1", model="c", group="b"),
        settings={
            "context_window_fallbacks": [{"a": ["b"]}],
            "content_policy_fallbacks": [{"c": ["b"]}],
            **lists(a=["d"], c=["d"]),
        },
        script={"a1": "ctx", "c1": "cp"},
    ),
    "G1": row(ask("a1,b1,c1", group="c"), router=lists(a=["b"], b=["c"]), script={"a1": 500, "b1": 500}),
    "G2": row(ask("a1,b1,c1", 503), router=lists(a=["b", "c"]), script={**ALL, "a1": 503}),
    "G3": row(ask("a1,b1,c1,d1", 503), router=lists(a=["b"], b=["c"], c=["d"], d=["a"]), script={**ALL, "a1": 503}),
    "G4": row(ask("a1,b1,c1", group="c"), router=lists(a=["a", "b", "b", "c"]), script={"a1": 500, "b1": 500}),
    "G5": row(ask("a1,b1", group="b"), router={"default_fallbacks": ["b"]}, script={"a1": 500}),
    "G6": row(ask("b1", 500, model="b"), router={"default_fallbacks": ["b"]}, script=ALL),
    "G7": row(ask("a1,b1", 500), router={**AB, "default_fallbacks": ["c"]}, script={"a1": 500, "b1": 500}),
    "G8": row(
        ask("a1,b1,c1", group="c"),
        router={**AB, "default_fallbacks": ["c"], "chain_default_fallbacks": True},
        script={"a1": 500, "b1": 500},
    ),
    "G9": row(ask("a1", 500), router={**lists(a=[]), "default_fallbacks": ["b"]}, script=ALL),
    "G10 400": row(ask("a1,b1", group="b"), router={"default_fallbacks": ["b"]}, script={"a1": 400}),
    "G10 401": row(ask("a1,b1", group="b"), router={"default_fallbacks": ["b"]}, script={"a1": 401}),
    "G10 404": row(ask("a1,b1", group="b"), router={"default_fallbacks": ["b"]}, script={"a1": 404}),
    "G10 switched": row(ask("a1", 404), router={**AB, "fallback_on_client_errors": False}, script={"a1": 404}),
    "G11": row(ask("a1", 400), router={**AB, "fallback_on_unsupported_params": False}, script={"a1": 400}),
    "G12": row(
        ask("a1", 429, body={"disable_fallbacks": True}),
        ask("b1", group="b", fallbacks=1),
        groups="a:[a1] b:[b1]",
        router={**AB, "allowed_fails_policy": {"RateLimitErrorAllowedFails": 0}},
        script={"a1": 429},
    ),
    "G13": row(ask("a1,b1", group="b", body={"fallbacks": ["b"]}, sent={"fallbacks": None}), script={"a1": 500}),
    "G14": row(
        ask(
            "a1,b1",
            group="b",
            body={"fallbacks": [{"model": "b", "messages": OTHER}], "temperature": 0.5},
            sent={"messages": OTHER, "temperature": 0.5, "model": "b1"},
        ),
        script={"a1": 500},
    ),
    "G14 with an address": row(
        ask("", 401, body={"fallbacks": [{"model": "b", "api_base": "http://10.0.0.1"}]}, says="api_base"),
        script={"a1": 500},
    ),
    "G14 streamed": row(
        ask("a1,b1", group="b", body={"fallbacks": [{"model": "b", "stream": False}], "stream": True}),
        script={"a1": 500},
    ),
    "G15": row(ask("a1,c1", group="c", body={"fallbacks": [{"a": ["c"]}]}), router=AB, script={"a1": 500}),
    "G16": row(ask("a1", 500, body={"fallbacks": []}), router=AB, script={"a1": 500}),
    "G16b": row(ask("a1,b1", group="b", body={"fallbacks": None}), router=AB, script={"a1": 500}),
    "G17": row(
        ask("a1", 500, body={"disable_fallbacks": True}, says="openai: Mock fault: status 500"),
        router=AB,
        script={"a1": 500},
    ),
    "G18": row(
        ask(
            "a1,b1",
            group="b",
            body={"include_fallback_errors": True},
            told={
                "x-litellm-fallback-errors": '[{"message":"openai: Mock fault: status 500",'
                '"type":"internal_server_error","param":null,"code":"500"}]'
            },
        ),
        ask("a1,b1", group="b", told={"x-litellm-fallback-errors": None}),
        router=AB,
        script={"a1": 500},
    ),
    "G19": row(
        ask("t1,b1", model="al", group="b"),
        groups="t:[t1] b:[b1]",
        router={"model_group_alias": {"al": "t"}, **lists(al=["b"])},
        script={"t1": 500},
    ),
    "G20": row(
        ask("t1,b1", model="al", group="b"),
        groups="t:[t1] b:[b1]",
        router={"model_group_alias": {"al": "t"}, **lists(t=["b"])},
        script={"t1": 500},
    ),
    "G21": row(
        ask("t1,b1", model="t", group="al"),
        groups="t:[t1] b:[b1]",
        router={"model_group_alias": {"al": "b"}, **lists(t=["al"])},
        script={"t1": 500},
    ),
    "G22": row(
        ask("o2,b1", model="openai/gpt-y", group="b"),
        groups="openai/*:[o2] b:[b1]",
        router=lists(**{"gpt-y": ["b"]}),
        script={"o2": 500},
    ),
    "G23": row(ask("a1,b1", group="b"), router=lists(a=["nope", "b"]), script={"a1": 500}),
    "G23 with a default": row(
        ask("a1,b1", group="b"), router={**lists(a=["nope", "b"]), "default_fallbacks": ["c"]}, script={"a1": 500}
    ),
    "G4 by an alias": row(
        ask("a1,b1,c1", group="c"),
        router={"model_group_alias": {"al": "a", "be": "b"}, **lists(a=["al", "b", "be", "c"])},
        script={"a1": 500, "b1": 500},
    ),
    "G24": row(ask("a1,b1", group="b1"), groups="a:[a1] b:[b1,b2]", router=lists(a=["b1"]), script={"a1": 500}),
    "G25": row(
        ask("a1,w1", group="openai/zz", sent={"model": "zz"}),
        groups="a:[a1] openai/*:[w1]",
        router=lists(a=["openai/zz"]),
        script={"a1": 500},
    ),
    "G25 in one pattern": row(
        ask("w1,w1", model="openai/yy", group="openai/zz", sent={"model": "zz"}),
        groups="openai/*:[w1]",
        router=lists(**{"openai/yy": ["openai/zz"]}),
        script={"w1": [500, 200]},
    ),
    "G26": row(
        ask("a1,b1", 500), router={**lists(a=["b", "c", "d"]), "max_fallbacks": 1}, script={**ALL, "d1": 200}
    ),
    "G26 depth": row(
        ask("a1,b1,c1,d1", group="d"),
        router={**lists(a=["b", "c", "d"]), "max_fallbacks": 1, "max_fallbacks_mode": "depth"},
        script={**ALL, "d1": 200},
    ),
    "G27": row(ask("a1,b1,c1", 500), router={**lists(a=["b"], b=["c"], c=["d"]), "max_fallbacks": 2}, script=ALL),
    "G28": row(ask("a1", 500), router={**AB, "max_fallbacks": 0}, script=ALL),
    "G29": row(
        ask("a1,a2,b1,b2", 500, retries=2, fallbacks=1),
        groups="a:[a1,a2] b:[b1,b2]",
        router={**AB, "num_retries": 1},
        params={**FIRST, "b1": {"weight": 1}, "b2": {"weight": 0}},
        script={**ALL, "a2": 500, "b2": 500},
    ),
    "G30": row(
        ask("a1,a2,b1", group="b", retries=1),
        ask("b1", group="b", fallbacks=1),
        groups="a:[a1,a2] b:[b1]",
        router={**AB, "num_retries": 2},
        params=FIRST,
        script={"a1": 429, "a2": 429},
    ),
    "G31": row(
        ask("a1,a1,b1", group="b", retries=1, told={"x-litellm-max-retries": "1"}),
        router={**AB, "num_retries": 1},
        script={"a1": 500},
    ),
    "G32": row(
        ask("a1,b1", group="b"),
        router={"context_window_fallbacks": [{"a": ["b"]}], **lists(a=["c"])},
        script={"a1": "ctx"},
    ),
    "G33": row(
        ask("a1,b1,c1", group="c"),
        router={"context_window_fallbacks": [{"a": ["b"]}], **lists(a=["c"])},
        script={"a1": "ctx", "b1": 500},
    ),
    "G34": row(ask("a1,c1", group="c"), router=lists(a=["c"]), script={"a1": "ctx"}),
    "G35": row(
        ask("a1", 400, code="context_length_exceeded"),
        router={"context_window_fallbacks": [{"d": ["b"]}], **lists(a=["c"])},
        script={"a1": "ctx"},
    ),
    "G35 switched": row(
        ask("a1,c1", group="c"),
        router={
            "context_window_fallbacks": [{"d": ["b"]}],
            "context_fallback_to_general": True,
            **lists(a=["c"]),
        },
        script={"a1": "ctx"},
    ),
    "G36": row(ask("a1,c1", group="c"), router={"context_window_fallbacks": [{"*": ["c"]}]}, script={"a1": "ctx"}),
    "G37": row(ask("a1,b1", group="b"), router={"content_policy_fallbacks": [{"a": ["b"]}]}, script={"a1": "cp"}),
    "G38": row(ask("a1,b1", group="b"), router={"content_policy_fallbacks": [{"a": ["b"]}]}, script={"a1": "cf"}),
    "G39": row(ask("a1"), router=lists(a=["c"]), script={"a1": "cf"}),
    "G40": row(ask("a1,c1", group="c"), router={"default_fallbacks": ["c"]}, script={"a1": "cf"}),
    "G41": row(ask("a1,a2,a3"), groups="a:[a1,a2,a3]", params=TIERS, script={"a1": 500, "a2": 500}),
    "G42": row(
        ask("a1,a2,a3,b1", group="b"),
        groups="a:[a1,a2,a3] b:[b1]",
        router=AB,
        params=TIERS,
        script={"a1": 400, "a2": 400, "a3": 400},
    ),
    "G43": row(
        ask("a1,a2,a3", retries=1),  # a tier that rests gives way to the next by itself
        ask("a3"),
        groups="a:[a1,a2,a3]",
        router={"num_retries": 1},
        params=TIERS,
        script={"a1": 429, "a2": 429},
    ),
    "G44": row(
        ask("a1,a2|a3,a2|a3,b1", group="b", retries=2),
        groups="a:[a1,a2,a3] b:[b1]",
        router={**AB, "enable_weighted_failover": True},
        params={**FIRST, "a3": {"weight": 0}},
        script={"a1": 500, "a2": 500, "a3": 500},
    ),
    "G50": row(
        ask("a1,b1", 500, says="openai: Mock fault: status 500"),
        router=AB,
        settings={"expose_router_debug_in_errors": False},
        script=ALL,
    ),
    "G50 told": row(ask("a1,b1", 500, says="status 500 Tried: a, b."), router=AB, script=ALL),
    "G51": row(ask("a1,b1", group="b"), router={"fallbacks": [{"a": "b"}]}, script={"a1": 500}),
    "G53": row(ask("", 404, model="nope", code="model_not_found"), router=AB),
    "G54": row(
        ask("m1,b1", model="model", group="b"), groups="model:[m1] b:[b1]", router=lists(model=["b"]),
        script={"m1": 500},
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


PATHS = {
    "/v1/embeddings": {"input": "one"},
    "/v1/completions": {"prompt": "one"},
    "/v1/moderations": {"input": "one"},
}
OTHERS = {path: (row(router=AB, script={"a1": 500}), path, body) for path, body in PATHS.items()}


@pytest.mark.parametrize(("row", "path", "body"), OTHERS.values(), ids=OTHERS.keys())
def test_every_operation_falls_back(stage: Stage, path: str, body: dict[str, object]) -> None:
    stage.script(stage.row.script)
    answer = stage.gateway.post(path, {"model": "a", **body})
    assert (answer.status_code, answer.headers["x-litellm-model-group"]) == (200, "b")
    assert (answer.headers["x-litellm-attempted-fallbacks"], stage.called()) == ("1", ["a1", "b1"])


IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
DEMANDS: dict[str, tuple[str, dict[str, object]]] = {
    "tools": ("supports_function_calling", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    "schema": ("supports_response_schema", {"response_format": SCHEMA}),
    "images": ("supports_vision", {"messages": [{"role": "user", "content": [IMAGE]}]}),
    "audio": ("supports_audio_input", {"messages": [{"role": "user", "content": [SOUND]}]}),
}
UNABLE = row(
    router=lists(a=["b", "gone", "c"]),
    infos={"b1": {flag: False for flag, _ in DEMANDS.values()}},
)


@pytest.mark.parametrize("row", [UNABLE], ids=["unable"])
@pytest.mark.parametrize("body", [body for _, body in DEMANDS.values()], ids=DEMANDS.keys())
def test_a_target_that_cannot_do_it_is_passed_over_and_named(stage: Stage, body: dict[str, object]) -> None:
    stage.script({"a1": 500})
    answer = stage.send(ask(body=body, headers={"x-tianji-trail": "1"}))
    assert (answer.status_code, stage.called()) == (200, ["a1", "c1"])
    trail = [entry.replace(stage.names.prefix, "") for entry in answer.headers["x-tianji-trail"].split("; ")]
    assert [entry.partition("=")[0] for entry in trail] == [
        "a/a1:kept", "a/a1:sent", "a/a1:failed", "b/b1:dropped", "b:dropped", "gone:skipped", "c/c1:kept", "c/c1:sent",
    ]  # fmt: skip
    assert "b/b1:dropped=ability" in trail
    plain = stage.send(ask())
    assert (plain.status_code, stage.called()[2:]) == (200, ["a1", "b1"]), "which serves what it can do"
