"""Aleph Alpha's completion (https://docs.aleph-alpha.com/api/complete), which servers of one's own still have."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, lacking, unreadable, without_none
from tianji.protocol.chat.whole import TALKS_ONLY, Said, WholeText, alone, limit_of, stops_of
from tianji.protocol.chat.words import prompt_of

UNSUPPORTED: Final = TALKS_ONLY | {"n", "seed"}
_FINISH: Final = {"end_of_text": "stop", "stop_sequence_reached": "stop", "maximum_tokens": "length"}
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class _Completed(Struct):
    completion: str = ""
    finish_reason: str = "end_of_text"


class _Answer(Struct):
    completions: list[_Completed]
    num_tokens_prompt_total: _Count | None = None
    num_tokens_generated: _Count | None = None


def outbound(request: Request, target: Target) -> WholeText:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    request = alone(request)
    sent = lacking(request, target, UNSUPPORTED)
    told = {
        "model": target.model,
        "prompt": prompt_of(request.messages, target.provider),
        "maximum_tokens": limit_of(request),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "stop_sequences": stops_of(request),
    }

    def read(body: bytes) -> Said:
        found = decoded(body, _Answer, target)
        if not found.completions:
            raise unreadable(target, "it has no completions", body)
        first = found.completions[0]
        return Said(first.completion, first.finish_reason, found.num_tokens_prompt_total, found.num_tokens_generated)

    members = sent | without_none(told) | (request.extra or {})
    return WholeText(members, "/complete", target, read, finish=_FINISH)
