"""What became of a request, held against what a row of the conformance table says."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from tests.contract.harness import events

from .table import Ask

# K11: credentials and addresses, and the ids that deployments have in these gateways
HIDDEN = re.compile(r"sk-|127\.0\.0\.1|4f9a8b7c6d5e|canary|\brow\d+-\w+")
Own = Callable[[Any], Any]


@dataclass(frozen=True)
class Told:
    """The answer, the deployments that were called, and what was sent to them."""

    answer: httpx.Response
    called: Sequence[str]
    sent: Sequence[Mapping[str, object]]


def compare(one: Ask, told: Told, own: Own) -> None:
    """Fail with the first difference. `own` puts the gateway's ids of deployments for the table's."""
    answer, called = told.answer, told.called
    fits = len(called) == len(one.expected) and all(
        name in wanted.split("|") for name, wanted in zip(called, one.expected, strict=True)
    )
    assert fits, f"called were {called}, not {one.expected}"
    same("status", answer.status_code, one.status)
    assert "x-litellm-call-id" in answer.headers, "no call id"
    _counts(one, told, own)
    for name, value in one.told.items():
        same(name, answer.headers.get(name), value)
    for name, member in one.sent.items():
        same(f"sent {name}", told.sent[-1].get(name), member)
    if one.status != 200:
        _error(one, answer, own)
    elif one.body.get("stream"):
        _stream(one, answer, own)
    else:
        same("model", answer.json()["model"], own(one.group or one.model))


def _counts(one: Ask, told: Told, own: Own) -> None:
    head, called = told.answer.headers, told.called
    fallbacks = one.fallbacks
    if fallbacks is None:
        fallbacks = max(0, len(called) - 1 - one.retries)
    if called:
        same("retries", head.get("x-litellm-attempted-retries"), str(one.retries))
        same("fallbacks", head.get("x-litellm-attempted-fallbacks"), str(fallbacks))
    same("model id", head.get("x-litellm-model-id"), own(called[-1]) if called else None)
    same("max-retries is there", "x-litellm-max-retries" in head, one.retries > 0)
    if one.status == 200:
        same("group", head["x-litellm-model-group"], own(one.group or one.model))


def _error(one: Ask, answer: httpx.Response, own: Own) -> None:
    error = answer.json()["error"]
    assert one.says in error["message"], error
    same("type", error["type"], one.kind or error["type"])
    same("code", error["code"], one.code or str(error["code"]))
    shown = [text for text in HIDDEN.findall(answer.text) if text != own(one.model)]
    same("what is to be hidden", shown, [])


def _stream(one: Ask, answer: httpx.Response, own: Own) -> None:
    *chunks, last = events(answer.text)
    if one.kind or one.code:
        same("type", last["error"]["type"], one.kind or last["error"]["type"])
        same("code", last["error"]["code"], one.code or last["error"]["code"])
    else:
        same("last event", last, "[DONE]")
        assert chunks[-1]["choices"][0]["finish_reason"], "no finish reason"
    for chunk in chunks:
        same("model", chunk["model"], own(one.group or one.model))
    if one.text is not None:
        same("text", "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks), one.text)


def same(what: str, found: object, expected: object) -> None:
    """Fail with a name for what differs: this is no test module, whose assertions pytest explains."""
    assert found == expected, f"{what}: {found!r}, not {expected!r}"
