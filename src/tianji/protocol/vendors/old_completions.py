"""OpenAI's old completions as the upstream of a chat (https://platform.openai.com/docs/api-reference/completions).

A conversation is asked as one text, which the model goes on with.
"""

from typing import Final

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import lacking
from tianji.protocol.chat.whole import TALKS_ONLY, limit_of
from tianji.protocol.chat.words import prompt_of
from tianji.protocol.openai.variant import Json, VariantOutbound, members_of

SUFFIX: Final = "/completions"
UNSUPPORTED: Final = TALKS_ONLY - {"logit_bias"}
_NONE_OF_COMPLETIONS: Final = frozenset({"messages", "max_completion_tokens", "thinking", *UNSUPPORTED})


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    sent = lacking(request, target, UNSUPPORTED)
    told = {name: value for name, value in members_of(request, target).items() if name not in _NONE_OF_COMPLETIONS}
    limit = limit_of(request)
    if limit is not None:
        told["max_tokens"] = limit
    if request.stream:
        told["stream_options"] = {"include_usage": True}  # what a stream costs is told only if it is asked for
    return VariantOutbound(
        {**told, **sent, "prompt": prompt_of(request.messages, target.provider)}, SUFFIX, target, _as_chat
    )


def _as_chat(members: Json) -> Json:
    """Return an answer, or a chunk of one, as chat would have it."""
    members.pop("object", None)
    choices = members.get("choices")
    if isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices):
        members["choices"] = [_choice(choice) for choice in choices]
    return members


def _choice(choice: Json) -> Json:
    said = {"role": "assistant", "content": choice.get("text") or ""}
    rest = {name: choice[name] for name in ("index", "finish_reason") if choice.get(name) is not None}
    return {**rest, "message": said, "delta": said}
