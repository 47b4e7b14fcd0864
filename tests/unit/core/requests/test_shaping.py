"""shape_body against its reference in plain Python, over every rule that providers use."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tianji._core.bodies.spans import scan
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.errors import MalformedJSON, UnsupportedParams
from tianji.gateway.compiled.reshaping import shaping_arguments
from tianji.providers import Shaping, build
from tianji.providers.steps.shaping import apply

KEYS = {
    "OPENAI_API_KEY": "k",
    "GROQ_API_KEY": "k",
    "MOONSHOT_API_KEY": "k",
    "DEEPSEEK_API_KEY": "k",
    "XAI_API_KEY": "k",
    "MISTRAL_API_KEY": "k",
}
DEPLOYMENTS = [
    {"model": "openai/gpt-4o"},
    {"model": "openai/o3", "drop_params": True},
    {"model": "openai/gpt-5", "temperature": 1},
    {
        "model": "openai/gpt-4o",
        "api_base": "http://h/v1",
        "temperature": 0.2,
        "max_tokens": 9,
        "extra_body": {"a": [1]},
    },
    {"model": "openai/gpt-4o", "additional_drop_params": ["logit_bias", "tools[*].function.strict"]},
    {"model": "groq/llama", "drop_params": True},
    {"model": "moonshot/kimi", "drop_params": True},
    {"model": "deepseek/deepseek-chat", "drop_params": True},
    {"model": "xai/grok-4", "drop_params": True},
    {"model": "mistral/large", "drop_params": True},
]
NAMES = [
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "top_p",
    "n",
    "stop",
    "user",
    "seed",
    "tools",
    "tool_choice",
    "metadata",
    "store",
    "logit_bias",
    "frequency_penalty",
    "response_format",
    "functions",
    "unknown_field",
    "litellm_metadata",
    "stream",
    "reasoning_effort",
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.text(max_size=5),
    st.lists(st.integers(0, 3), max_size=2),
    st.just([{"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}]),
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
MESSAGES = [{"role": "user", "content": [{"type": "text", "text": "hé"}]}]


def plan_of(shaping: Shaping, *, asks_usage: bool = False) -> Plan:
    return Plan(
        origin=Origin("127.0.0.1", 1),
        path="/x",
        head=b"",
        passage=None,
        model=None,
        asks_usage=asks_usage,
        timeouts=Timeouts(),
        stream_timeouts=Timeouts(),
        tiers={},
        canned=None,
        **shaping_arguments(shaping),
    )


def outcome(work):
    try:
        return work()
    except UnsupportedParams:
        return "unsupported"


@pytest.mark.parametrize("params", DEPLOYMENTS, ids=lambda params: "-".join(map(str, params)) + params["model"])
@given(extra=BODIES)
def test_splicing_gives_what_the_reference_gives(params, extra) -> None:
    upstream = build(params, KEYS, drop_params=False)
    body = {"model": "alias", "messages": MESSAGES, **extra}
    text = json.dumps(body).encode()
    got = outcome(lambda: json.loads(shape_body(plan_of(upstream.shaping), scan(text), b'"real"', False).body))
    want = outcome(lambda: apply(upstream.shaping, json.loads(text), label="x") | {"model": "real"})
    assert got == want


def test_a_body_that_needs_no_edit_but_the_model_keeps_every_other_byte() -> None:
    shaping = build({"model": "openai/gpt-4o"}, KEYS, drop_params=False).shaping
    text = b'{ "x" : 1.0 ,"model":"alias" , "messages":[ ] , "big":123456789012345678901234567890 }'
    shaped = shape_body(plan_of(shaping), scan(text), b'"gpt-4o"', False)
    assert shaped.body == text.replace(b'"alias"', b'"gpt-4o"')


@pytest.mark.parametrize(
    ("options", "sent", "hidden"),
    [
        (None, {"include_usage": True}, True),
        ("null", {"include_usage": True}, True),
        ('{"include_usage":true}', {"include_usage": True}, False),
        ('{"include_usage":false,"x":1}', {"include_usage": True, "x": 1}, True),
        ("[]", [], False),
    ],
)
def test_usage_is_asked_for_and_hidden_from_who_did_not_ask(options, sent, hidden) -> None:
    shaping = build({"model": "openai/gpt-4o"}, KEYS, drop_params=False).shaping
    member = "" if options is None else f',"stream_options":{options}'
    text = f'{{"model":"m","stream":true{member}}}'.encode()
    shaped = shape_body(plan_of(shaping, asks_usage=True), scan(text), b'"m"', True)
    assert json.loads(shaped.body)["stream_options"] == sent
    assert shaped.hides_usage is hidden


def test_half_a_surrogate_pair_is_the_clients_fault_where_the_body_is_decoded() -> None:
    shaping = build({"model": "openai/gpt-4o"}, KEYS, drop_params=False).shaping
    plan = plan_of(replace(shaping, adapt=dict, adapt_on=frozenset({"*"})))
    body = scan(rb'{"model":"m","messages":[{"role":"user","content":"\ud83d"}]}')
    with pytest.raises(MalformedJSON, match="cannot be read"):
        shape_body(plan, body, b'"m"', False)
