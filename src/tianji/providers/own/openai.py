"""OpenAI's own hosts: the rules of the model families that take fewer parameters than the rest.

Families are told by the model's name, since fine-tunes and dated versions carry it:
https://platform.openai.com/docs/guides/reasoning and https://platform.openai.com/docs/guides/latest-model.
A family that is not listed takes everything.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.responses import PREFIX as RESPONSES
from tianji.providers.responses import only_responses, responses_forms
from tianji.providers.steps import message_steps, value_steps
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.steps.step import Judge, Maker, Step
from tianji.providers.upstream import PATHS, Body, Condition, Upstream

BASE = "https://api.openai.com/v1"
KEYS = ("OPENAI_API_KEY",)
BASES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
ORGANIZATIONS = ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID")
TEXTS = "tianji.protocol.vendors.old_completions"
CHAT_ONLY = "chat_completions/"  # how a model's name begins whose Responses API is not to be used
OFFERED = {operation: path for operation, path in PATHS.items() if operation not in ("rerank", "ocr")}

_TEXTS = re.compile(r"(ft:)?((davinci|babbage)-002|gpt-3\.5-turbo-instruct)(?![a-z])")
_NEVER_REASONS = re.compile(r"(ft:)?(gpt-(3\.?5|4|4\.[15]|4o|audio|5-chat)|chatgpt-4o)(?![0-9a-z.])")
_O_SERIES = re.compile(r"(ft:)?o(1|3|4)(?![a-z0-9.])")
_GPT_5 = re.compile(r"(ft:)?gpt-[5-9](?![0-9])")  # and what came after it
_NO_EFFORT_BY_DEFAULT = re.compile(r"(ft:)?gpt-5\.[1-4](?![0-9])(?!.*(codex|pro|chat))")

_REASONING = frozenset({"reasoning_effort", "thinking", "verbosity"})
_O_LACKS = frozenset({"top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "verbosity"})
_O1_LACKS = _O_LACKS | {"parallel_tool_calls"}
_GPT_5_LACKS = frozenset(
    {"presence_penalty", "frequency_penalty", "stop", "logit_bias", "modalities", "prediction", "audio"}
)
_ONLY_WITHOUT_EFFORT = ("top_p", "logprobs", "top_logprobs")

STORED_METADATA = Condition("metadata", "store", b"true")  # the gateway's own field, unless the client has it stored
USED_TOOL_CHOICE = Condition("tool_choice", "tools")
STREAM_OPTIONS = Condition("stream_options", "stream", b"true")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `openai` or `text-completion-openai`."""
    only = deployment.model.startswith(RESPONSES)
    model = deployment.model.removeprefix(RESPONSES if only else CHAT_ONLY)
    own_base = deployment.api_base or deployment.variable(BASES)
    base, query = address.split_base(own_base or BASE)
    at_home = address.same_place(base, BASE) or (urlsplit(base).hostname or "").endswith(".api.openai.com")
    key = deployment.api_key or deployment.variable(KEYS)
    headers: list[tuple[str, str]] = [("authorization", f"Bearer {key}")] if key else []
    organization = _organization(deployment)
    if organization:
        headers.append(("openai-organization", organization))
    talks = deployment.provider == "openai"
    offered = dict(OFFERED) if talks else {"completions": PATHS["completions"]}
    if talks and at_home and not writes_texts(deployment):
        del offered["completions"]
    upstream = Upstream(
        provider=deployment.provider,
        model=model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths=offered,
        shaping=compile_shaping(deployment, rules(deployment, at_home=at_home)),
        plain_shaping=plain_shaping(deployment),
        key_missing=None if key or not at_home else "set OPENAI_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        protocol=None if talks else TEXTS,
        own_forms=responses_forms(deployment) if _has_responses(deployment, at_home=at_home) else {},
    )
    return only_responses(upstream, responses_forms(deployment)) if only else upstream


def writes_texts(deployment: Deployment) -> bool:
    """Tell whether OpenAI has the old completions for a model: the others are asked by chat, or not known here.

    https://platform.openai.com/docs/models: what is behind a pattern may be one of them.
    """
    model = deployment.text("base_model") or deployment.model
    return "*" in model or _TEXTS.match(model.rsplit("/", 1)[-1]) is not None


def _has_responses(deployment: Deployment, *, at_home: bool) -> bool:
    """Tell whether the Responses API is used where clients use it, and not chat in its place.

    Who borrows the form of chat may lack it, or keep no responses that later ones could follow, as vLLM does unless it
    is told to; the gateway keeps them itself then. So the operator has to say so.
    """
    if deployment.model.startswith(CHAT_ONLY):
        return False
    flag = deployment.params.get("use_chat_completions_api")
    return deployment.provider == "openai" and (at_home if flag is None else flag is False)


def rules(deployment: Deployment, *, at_home: bool) -> Rules:
    """Give the rules for the deployment's model; those of the hosts apply `at_home` only.

    Models behind other addresses that borrow a family's name follow the family, as `base_model` does for names that
    say nothing.
    """
    unsupported, rename, steps = _family(deployment.text("base_model") or deployment.model)
    if at_home:
        steps += (
            message_steps.no_cache_control,
            message_steps.no_reasoning,
            message_steps.hoist_tool_images,
            value_steps.short_stop,
            value_steps.thinking_as_effort,
        )
    return Rules(
        unsupported=unsupported,
        sends=frozenset({"metadata"}),
        rename=rename,
        steps=steps,
        conditions=(STORED_METADATA, USED_TOOL_CHOICE, STREAM_OPTIONS),
    )


def _family(model: str) -> tuple[frozenset[str], Mapping[str, str], tuple[Maker, ...]]:
    name = model.rsplit("/", 1)[-1]
    if _NEVER_REASONS.match(name):
        return _REASONING, {}, ()
    renamed = {"max_tokens": "max_completion_tokens"}
    if _O_SERIES.match(name):
        lacks = _O1_LACKS if name.removeprefix("ft:").startswith("o1") else _O_LACKS
        return lacks, renamed, (value_steps.effort_as_word, fixed_temperature)
    if _GPT_5.match(name):
        sampling = sampling_until_effort if _NO_EFFORT_BY_DEFAULT.match(name) else sampling_without_effort
        return _GPT_5_LACKS, renamed, (value_steps.effort_as_word, sampling)
    return frozenset(), {}, ()


def fixed_temperature(judge: Judge) -> Step:
    """Take temperature 1 only."""

    def run(body: Body) -> None:
        if body.get("temperature") not in (None, 1):
            judge.reject(body, "temperature", "only 1 is known")

    return Step(run, frozenset({"temperature"}))


def sampling_without_effort(judge: Judge) -> Step:
    """Take temperature, top_p and logprobs only with effort `none`; unasked, the model reasons."""
    return _sampling(judge, free=frozenset({"none"}))


def sampling_until_effort(judge: Judge) -> Step:
    """Take temperature, top_p and logprobs until an effort is asked for; unasked, the model does not reason."""
    return _sampling(judge, free=frozenset({"none", None}))


def _sampling(judge: Judge, *, free: frozenset[str | None]) -> Step:
    def run(body: Body) -> None:
        effort = body.get("reasoning_effort")
        if (effort is None or isinstance(effort, str)) and effort in free:
            return
        if body.get("temperature") not in (None, 1):
            judge.reject(body, "temperature", "only 1 is known unless reasoning_effort is none")
        for name in _ONLY_WITHOUT_EFFORT:
            if body.get(name) not in (None, False):
                judge.reject(body, name, "it needs reasoning_effort none")

    return Step(run, frozenset({"temperature", "reasoning_effort", *_ONLY_WITHOUT_EFFORT}))


def _organization(deployment: Deployment) -> str | None:
    value = deployment.params.get("organization")
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise ConfigurationError(
                f"{deployment.label()}: a list of organizations stands for one deployment each; split it before"
            )
        return str(value[0])
    return deployment.text("organization") or deployment.variable(ORGANIZATIONS)
