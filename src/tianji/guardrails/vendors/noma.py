"""Noma Security's prompt scan, the older interface; with `use_v2` it is `noma_v2`.

With `anonymize_input` a text in which nothing but sensitive data was found is replaced by what the scan makes of it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Final

from msgspec import Struct

from tianji.guardrails.content import Content, Text
from tianji.guardrails.vendor import (
    AROUND,
    PRE_AND_POST,
    Asking,
    Call,
    Check,
    Hook,
    Occasion,
    Surroundings,
    Type,
    bearer,
    post,
    under,
)
from tianji.guardrails.vendors import noma_v2
from tianji.guardrails.verdict import Allow, Block, Rewrite

_SENSITIVE: Final = frozenset({"sensitiveData", "dataDetector", "anonymizedContent"})


class Noma(noma_v2.NomaV2, frozen=True, kw_only=True):
    """As `noma_v2` has them, and what only the older interface knows."""

    environment: ClassVar = {**noma_v2.NomaV2.environment, "anonymize_input": ("NOMA_ANONYMIZE_INPUT",)}

    anonymize_input: bool = False
    use_v2: bool = False


class _Scanned(Struct):
    results: dict[str, Any] | None = None


class _Answer(Struct, rename="camel"):
    aggregated_scan_result: bool
    scan_result: list[_Scanned] | None = None


def _build(params: Noma, _surroundings: Surroundings) -> Check:
    return partial(noma_v2.ask if params.use_v2 else _ask, params)


def _ask(params: Noma, content: Content, occasion: Occasion) -> Asking:
    indexes = [index for index, text in enumerate(content.texts) if text.text]
    replies = yield [_scan(params, content.texts[index], occasion) for index in indexes]
    changed: dict[int, str] = {}
    for index, answer in zip(indexes, [reply.read(_Answer) for reply in replies], strict=True):
        if not answer.aggregated_scan_result:
            continue
        results = [scanned.results for scanned in answer.scan_result or () if scanned.results]
        fired = sorted({name for found in results for name, detector in found.items() if _fired(detector)})
        masked = next((text for found in results if (text := _anonymized(found))), None)
        if masked is None or not params.anonymize_input or not fired or not _SENSITIVE.issuperset(fired):
            return Block("Request blocked by Noma guardrail", {"details": {"detectors": fired}})
        changed[index] = masked
    return Rewrite(changed) if changed else Allow()


def _scan(params: Noma, text: Text, occasion: Occasion) -> Call:
    part = {"type": "output_text" if text.role == "assistant" else "input_text", "text": text.text}
    context = {
        "applicationId": params.application(occasion) or occasion.key_alias or "litellm",
        "ipAddress": occasion.ip or None,
        "userId": occasion.user_email or occasion.user_id or None,
        "sessionId": occasion.session_id or occasion.call_id,
        "requestId": occasion.call_id,
    }
    body = {"input": [{"type": "message", "role": text.role, "content": [part]}], "x-noma-context": context}
    headers = {**(bearer(params.api_key) if params.api_key else {}), "x-noma-request-id": occasion.call_id}
    return post(under(params.api_base, "/ai-dr/v2/prompt/scan"), body, headers)


def _fired(detector: object) -> bool:
    """Whether a detector, or one of those below it, says that it found something."""
    left = [detector]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            if each.get("result") is True:
                return True
            left += each.values()
        elif isinstance(each, list):
            left += each
    return False


def _anonymized(results: Mapping[str, Any]) -> str | None:
    content = results.get("anonymizedContent")
    text = content.get("anonymized") if isinstance(content, Mapping) else None
    return text if isinstance(text, str) else None


TYPE = Type(
    names=("noma",),
    params=Noma,
    check=_build,
    hooks=AROUND | {Hook.PRE_MCP_CALL},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL},
    last_turn=True,
)
