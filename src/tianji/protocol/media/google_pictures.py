"""Google's pictures, on Vertex AI and by the Gemini API.

Imagen predicts (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api), and Gemini's models
answer with pictures among their parts (https://ai.google.dev/gemini-api/docs/image-generation).
"""

from typing import Any, Final

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.gemini.models import method_path, whole_path
from tianji.protocol.media.form import Asked, Json, Outbound, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, ratio_of

_RATIOS: Final = ("1:1", "3:4", "4:3", "9:16", "16:9")
_TOKENS: Final = "promptTokenCount", "candidatesTokenCount", "totalTokenCount"


class _Predicted(Struct):
    bytesBase64Encoded: str | None = None  # noqa: N815  Google's spelling, as below
    raiFilteredReason: str | None = None  # noqa: N815


class _Predictions(Struct):
    predictions: list[_Predicted] = []


class _Data(Struct):
    data: str


class _Part(Struct, rename="camel"):
    inline_data: _Data | None = None


class _Content(Struct):
    parts: list[_Part] = []


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Generated(Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: dict[str, Any] | None = None
    prompt_feedback: dict[str, Any] | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    return _imagen(asked) if asked.target.model.startswith(("imagen", "imagegeneration")) else _gemini(asked)


def _imagen(asked: Asked) -> Outbound:
    parameters = without_none({"sampleCount": asked.count(), "aspectRatio": ratio_of(asked, _RATIOS)})
    told = {"instances": [{"prompt": asked.text("prompt")}], "parameters": parameters | asked.beyond(ASKED)}

    def read(body: bytes) -> Json:
        found = decoded(body, _Predictions, asked.target).predictions
        made = [one.bytesBase64Encoded for one in found if one.bytesBase64Encoded]
        if not made:
            raise held_back()
        return answer_of({"b64_json": data} for data in made)

    return Outbound(method_path(asked.target, "predict"), told, read=read)


def _gemini(asked: Asked) -> Outbound:
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
    config: Json = {"responseModalities": ["IMAGE"], **asked.beyond(ASKED)}
    ratio = ratio_of(asked)
    if ratio is not None:
        config["imageConfig"] = {"aspectRatio": ratio}
    content = {"role": "user", "parts": [{"text": asked.text("prompt")}]}

    def read(body: bytes) -> Json:
        found = decoded(body, _Generated, asked.target)
        parts = [part for one in found.candidates if one.content is not None for part in one.content.parts]
        made = [part.inline_data.data for part in parts if part.inline_data is not None]
        if not made:
            reasons = [one.finish_reason or "" for one in found.candidates]
            if found.prompt_feedback or any("SAFETY" in reason or "PROHIBITED" in reason for reason in reasons):
                raise held_back()
            raise unreadable(asked.target, "it has no picture", body)
        told = answer_of({"b64_json": data} for data in made)
        return told if found.usage_metadata is None else told | {"usage": _usage(found.usage_metadata)}

    return Outbound(whole_path(asked.target), {"contents": [content], "generationConfig": config}, read=read)


def _usage(said: Json) -> Json:
    """Return the tokens as OpenAI's pictures say them: what comes out is a picture."""
    read, made, total = (count if isinstance(count := said.get(name), int) else 0 for name in _TOKENS)
    return {
        "input_tokens": read,
        "output_tokens": made,
        "total_tokens": total,
        "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
    }
