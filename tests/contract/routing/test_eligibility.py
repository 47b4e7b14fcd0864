"""Who may serve at all: conformance table C, through the running gateway."""

import pytest

from .stage import Stage
from .table import Ask, Row, ask, lists, row

G = "g:[a1,a2,a3]"
TAGS = {"a1": {"tags": ["fast", "cheap"]}, "a2": {"tags": ["slow"]}, "a3": {"tags": ["default"]}}
ON = {"enable_tag_filtering": True}
ALL = {**ON, "tag_filtering_match_any": False}
NO_DEFAULT = {"a1": {"tags": ["fast"]}, "a2": {"tags": ["slow"]}}
REGIONS = {"a1": {"region_name": "eu"}, "a2": {"region_name": "us"}}
CHECKS = {"enable_pre_call_checks": True}
LONG = [{"role": "user", "content": "word " * 500}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
SEARCH = [{"type": "web_search_preview"}]
# K2: what nobody is left for is told by what dropped them, here and in C22, C27, C31 and C36
REFUSED = {"kind": "permission_error", "code": "tag_not_allowed"}


def tagged(calls: str, *tags: str, status: int = 200, **more: object) -> Ask:
    return ask(calls, status, model="g", body={"tags": list(tags)}, sent={"tags": None} if calls else {}, **more)


def g(calls: str, status: int = 200, *, body: dict[str, object] | None = None, **more: object) -> Ask:
    return ask(calls, status, model="g", body=body or {}, **more)


def windows(**most: int) -> dict[str, dict[str, object]]:
    return {name: {"max_input_tokens": tokens} for name, tokens in most.items()}


ROWS: dict[str, Row] = {
    "C1": row(tagged("a1", "fast"), groups=G, router=ON, params=TAGS),
    "C1 in metadata": row(g("a1", body={"metadata": {"tags": ["fast"]}}), groups=G, router=ON, params=TAGS),
    "C2": row(tagged("a1", "fast", "zzz"), groups=G, router=ON, params=TAGS),
    "C3": row(tagged("a3", "zzz"), groups=G, router=ON, params=TAGS),
    "C4": row(tagged("a3"), g("a3"), groups=G, router=ON, params=TAGS),
    "C5": row(tagged("a3", "!fast"), groups=G, router=ON, params=TAGS),
    "C6": row(tagged("a1", "&cheap", "&fast"), groups=G, router=ON, params=TAGS),
    "C7": row(tagged("", "&zz", status=403, **REFUSED), groups=G, router=ON, params=TAGS),
    "C8": row(*[tagged("a1|a2", "slow", "fast")] * 10, groups=G, router=ON, params=TAGS),
    "C9": row(tagged("a1", "fast", "cheap"), groups=G, router=ALL, params=TAGS),
    "C10": row(tagged("", "fast", "slow", status=403, **REFUSED), groups=G, router=ALL, params=TAGS),
    "C11": row(tagged("a3", "zzz"), groups=G, router=ALL, params=TAGS),
    "C12": row(tagged("", "zzz", status=403, **REFUSED), groups=G, router=ON, params=NO_DEFAULT),
    "C13": row(g("a1|a2|a3"), groups=G, router=ON, params=NO_DEFAULT),
    "C14": row(
        g("a1", headers={"user-agent": "curl/8"}),
        groups=G,
        router=ON,
        params={"a1": {"tag_regex": ["^curl/"]}, "a2": {"tags": ["default"]}},
    ),
    "C15": row(
        g("a2", headers={"user-agent": "python"}),
        groups="g:[a1,a2]",
        router=ON,
        params={"a1": {"tag_regex": ["^curl/"]}, "a2": {"tags": ["default"]}},
    ),
    "C16": row(g("a2", headers={"x-litellm-tags": "slow"}), groups=G, router=ON, params=TAGS),
    "C18": row(
        tagged("a1,a1", "fast", status=500, retries=1),  # one retry less than the table has: each is a wait
        groups=G,
        router={**ON, "num_retries": 1},
        params=TAGS,
        script={"a1": 500},
    ),
    "C19": row(tagged("a1|a2|a3", "zzz"), groups=G, params=TAGS),
    "C19 of the model": row(
        tagged("a1", "fast"), groups="g:[a1,a2]", params=TAGS, infos={"a1": {"enable_tag_filtering": True}}
    ),
    "C20": row(
        ask("w2", model="openai/x", body={"tags": ["fast"]}),
        groups="openai/*:[w1,w2]",
        router=ON,
        params={"w2": {"tags": ["fast"]}},
    ),
    "C21": row(
        g("a1", body={"allowed_model_region": "eu"}, sent={"allowed_model_region": None}),
        groups=G,
        router=CHECKS,
        params=REGIONS,
    ),
    "C22": row(
        g("", 403, body={"allowed_model_region": "apac"}, code="region_not_allowed"),
        groups=G,
        router=CHECKS,
        params=REGIONS,
    ),
    "C23": row(g("a1", body={"allowed_model_region": "eu"}), groups=G, params=REGIONS),
    "C23 for all": row(g("a1"), groups=G, router={"allowed_model_region": "eu"}, params=REGIONS),
    "C24": row(
        g("a1", 500, body={"allowed_model_region": "eu"}),
        groups="g:[a1] b:[a2]",
        router=lists(g=["b"]),
        params=REGIONS,
        script={"a1": 500},
    ),
    "C25": row(
        g("a2", body={"messages": LONG}),
        groups="g:[a1,a2]",
        router=CHECKS,
        infos=windows(a1=5, a2=1000),
    ),
    "C26": row(
        g("b1", body={"messages": LONG}, group="b", fallbacks=1),
        groups="g:[a1,a2] b:[b1]",
        router={**CHECKS, "context_window_fallbacks": [{"g": ["b"]}]},
        infos=windows(a1=5, a2=50, b1=1000),
    ),
    "C27": row(
        g("", 400, body={"messages": LONG}, kind="invalid_request_error", code="context_length_exceeded"),
        groups="g:[a1,a2]",
        router=CHECKS,
        infos=windows(a1=5, a2=50),
    ),
    "C28": row(
        g("", 400, body={"messages": LONG}, code="context_length_exceeded"),
        groups="g:[a1,a2] b:[b1]",
        router={**CHECKS, "context_window_fallbacks": [{"g": ["b"]}]},
        infos=windows(a1=5, a2=50, b1=60),
    ),
    "C29": row(g("a1"), g("a1"), g("", 429), groups="g:[a1]", router=CHECKS, params={"a1": {"rpm": 2}}),
    "C30": row(
        *[g("a2", body={"response_format": SCHEMA})] * 5,
        groups="g:[a1,a2]",
        infos={"a1": {"supports_response_schema": False}},
    ),
    "C31": row(
        g("", 400, body={"response_format": SCHEMA}, code="unsupported_by_model"),
        groups="g:[a1]",
        infos={"a1": {"supports_response_schema": False}},
    ),
    "C32": row(
        *[g("a2", body={"tools": SEARCH})] * 5, groups="g:[a1,a2]", infos={"a1": {"supports_web_search": False}}
    ),
    "C35": row(*[g("a2")] * 5, groups="g:[a1,a2]", infos={"a1": {"blocked": True}}),
    "C36": row(
        g("", 403, code="model_blocked"),
        groups="g:[a1,a2]",
        infos={"a1": {"blocked": True}, "a2": {"blocked": True}},
    ),
    "by id": row(
        ask("a2", model="a2", body={"tags": ["fast"]}),
        ask("", 403, model="a2", body={"allowed_model_region": "eu"}, code="region_not_allowed"),
        groups="a:[a1,a2]",
        router=ON,
        params={"a1": {**TAGS["a1"], "region_name": "eu"}, "a2": REGIONS["a2"]},
    ),
    "A12": row(
        ask("", 503, model="a1", code="deployment_paused"),
        ask("a2", model="a2"),
        groups="a:[a1,a2]", infos={"a1": {"blocked": True}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0
