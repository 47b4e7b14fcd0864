"""Ovalix: each text passes a checkpoint of an application. An older text that it blocks is replaced by its words."""

import hashlib
from typing import ClassVar, Final, Literal

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Check,
    Occasion,
    Params,
    Surroundings,
    Type,
    asking,
    bearer,
    post,
    under,
)
from tianji.guardrails.verdict import Block, Unavailable, replaced

_BLOCKED: Final = "This message was blocked by Ovalix"


class Ovalix(Params, frozen=True, kw_only=True):
    """A checkpoint for requests, for answers, or for both, as the entry's modes want them."""

    environment: ClassVar = {
        "tracker_api_base": ("OVALIX_TRACKER_API_BASE",),
        "tracker_api_key": ("OVALIX_TRACKER_API_KEY",),
        "application_id": ("OVALIX_APPLICATION_ID",),
        "pre_checkpoint_id": ("OVALIX_PRE_CHECKPOINT_ID",),
        "post_checkpoint_id": ("OVALIX_POST_CHECKPOINT_ID",),
    }
    aliases: ClassVar = {"api_base": "tracker_api_base", "api_key": "tracker_api_key"}
    secrets: ClassVar = frozenset({"tracker_api_key"})

    tracker_api_base: str
    tracker_api_key: str
    application_id: str
    pre_checkpoint_id: str = ""
    post_checkpoint_id: str = ""


class _Modified(Struct):
    content: str | None = None


class _Answer(Struct):
    action_type: Literal["allow", "none", "monitor", "alert", "anonymize", "sanitize", "block"]
    modified_data: _Modified | None = None


def _build(params: Ovalix, surroundings: Surroundings) -> Check:
    if not params.pre_checkpoint_id and not params.post_checkpoint_id:
        raise ConfigurationError("ovalix: set pre_checkpoint_id, post_checkpoint_id or both")
    return asking(_ask)(params, surroundings)


def _ask(params: Ovalix, content: Content, occasion: Occasion) -> Asking:
    checkpoint = params.post_checkpoint_id if content.answers else params.pre_checkpoint_id
    if not checkpoint:
        raise Unavailable("it has no checkpoint for this direction", permanent=True)
    fixed = {
        "application_id": params.application_id,
        "checkpoint_id": checkpoint,
        "actor": occasion.user_email or occasion.user_id,
        "session_id": _session(params, occasion),
        "data_type": "TEXT",
        "tool": "LiteLLM",
    }
    url = under(params.tracker_api_base, "/tracking/custom_application/checkpoint")
    headers = bearer(params.tracker_api_key)
    replies = yield [post(url, {**fixed, "data": {"content": text.text}}, headers) for text in content.texts]
    texts: list[str | None] = []
    for number, answer in enumerate([reply.read(_Answer) for reply in replies], 1):
        said = answer.modified_data.content if answer.modified_data else None
        if answer.action_type == "block" and number == len(content.texts):
            return Block(said or _BLOCKED)
        if answer.action_type in {"anonymize", "sanitize"} and said is None:
            raise Unavailable("the answer lacks the masked text")
        changes = answer.action_type in {"anonymize", "sanitize", "block"}
        texts.append((said or _BLOCKED) if changes else None)
    return replaced(content, texts)


def _session(params: Ovalix, occasion: Occasion) -> str:
    actor = hashlib.sha256((occasion.user_email or occasion.user_id).encode()).hexdigest()[:8]
    return f"{actor}_{occasion.session_id or occasion.call_id}_{params.application_id}"


TYPE = Type(names=("ovalix",), params=Ovalix, check=_build, hooks=PRE_AND_POST, masks=PRE_AND_POST)
