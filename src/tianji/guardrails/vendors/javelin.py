"""Javelin (now Highflame): the last turn is held against a guard that the vendor keeps. Fails open by itself."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Hook, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings

_PRE = frozenset({Hook.PRE_CALL})


class Javelin(Params, frozen=True, kw_only=True):
    """`guard_name`: the guard there; `config` and `metadata` are sent with every call."""

    environment: ClassVar = {"api_key": ("JAVELIN_API_KEY",), "api_base": ("JAVELIN_API_BASE",)}

    api_key: str
    guard_name: str
    api_base: str = "https://api-dev.javelin.live"
    api_version: str = "v1"
    application: str = ""
    config: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}


class _Results(Struct):
    reject_prompt: str | None = None


class _Assessment(Struct):
    request_reject: bool
    results: _Results | None = None


class _Answer(Struct):
    assessments: list[dict[str, _Assessment]]


def _ask(params: Javelin, content: Content, _occasion: Occasion) -> Asking:
    body: dict[str, Any] = {"input": {"text": content.joined()}}
    body |= {name: value for name, value in (("config", params.config), ("metadata", params.metadata)) if value}
    headers = {"x-javelin-apikey": params.api_key}
    if params.application:
        headers["x-javelin-application"] = params.application
    path = f"/{quote(params.api_version)}/guardrail/{quote(params.guard_name, safe='')}/apply"
    (reply,) = yield [post(under(params.api_base, path), body, headers)]
    assessments = [item for assessment in reply.read(_Answer).assessments for item in assessment.items()]
    rejected = {name: found for name, found in assessments if found.request_reject}
    if not rejected:
        return Allow()
    prompts = [found.results.reject_prompt for found in rejected.values() if found.results]
    prompt = next((prompt for prompt in prompts if prompt), "")
    detail = {"javelin_guardrail_response": {"rejected": sorted(rejected)}, "reject_prompt": prompt}
    return Block(prompt or "Violated guardrail policy", detail, Findings(categories=tuple(sorted(rejected))))


TYPE = Type(
    names=("javelin",), params=Javelin, check=asking(_ask), hooks=_PRE, legacy=_PRE, last_turn=True, fails_open=True
)
