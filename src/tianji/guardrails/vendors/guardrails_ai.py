"""A server of Guardrails AI (https://www.guardrailsai.com/docs), which validates texts and may correct them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Call,
    Hook,
    Occasion,
    Params,
    Reply,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.verdict import Block, Unavailable, replaced


class GuardrailsAI(Params, frozen=True, kw_only=True):
    """`guardrails_ai_api_input_format`: what the guard's endpoint expects; `inputs`: as exported models do."""

    environment: ClassVar = {"api_base": ("GUARDRAILS_AI_API_BASE",)}

    guard_name: str
    api_base: str = "http://0.0.0.0:8000"
    guardrails_ai_api_input_format: Literal["llmOutput", "inputs"] = "llmOutput"


class _Validated(Struct, rename="camel"):
    validation_passed: bool
    validated_output: Any = None
    raw_llm_output: Any = None


class _Output(Struct):
    data: list[str]


class _Outputs(Struct):
    outputs: list[_Output]


def _ask(params: GuardrailsAI, content: Content, occasion: Occasion) -> Asking:
    url = under(params.api_base, f"/guards/{quote(params.guard_name, safe='')}/validate")
    indexes = [index for index, text in enumerate(content.texts) if text.text]
    texts = [content.texts[index].text for index in indexes]
    inputs = params.guardrails_ai_api_input_format == "inputs"
    replies = yield [_call(url, text, occasion.dynamic, inputs=inputs) for text in texts]
    new = [_of_outputs(reply) if inputs else _of_validation(reply) for reply in replies]
    if any(text is None for text in new):
        return Block("Violated guardrail policy", {"guardrails_ai_response": {"validation_passed": False}})
    changed = dict(zip(indexes, new, strict=True))
    return replaced(content, [changed.get(index) for index in range(len(content.texts))])


def _call(url: str, text: str, dynamic: Mapping[str, Any], *, inputs: bool) -> Call:
    if inputs:
        tensor = {"name": "text", "shape": [1], "data": [text], "datatype": "BYTES"}
        return post(url, {**dynamic, "inputs": [tensor]})
    return post(url, {**dynamic, "llmOutput": text})


def _of_validation(reply: Reply) -> str | None:
    """Return the text as it is validated; None where it is not."""
    answer = reply.read(_Validated)
    if not answer.validation_passed:
        return None
    text = answer.validated_output if answer.validated_output is not None else answer.raw_llm_output
    if not isinstance(text, str):
        raise Unavailable("the answer holds no text")
    return text


def _of_outputs(reply: Reply) -> str | None:
    if reply.status == 400:
        return None
    outputs = reply.read(_Outputs).outputs
    if not outputs or not outputs[0].data:
        raise Unavailable("the answer holds no text")
    return outputs[0].data[0]


TYPE = Type(
    names=("guardrails_ai",),
    params=GuardrailsAI,
    check=asking(_ask),
    hooks=PRE_AND_POST | {Hook.LOGGING_ONLY},
    masks=PRE_AND_POST | {Hook.LOGGING_ONLY},
    last_turn=True,
)
