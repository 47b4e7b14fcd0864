"""Pictures on Bedrock, each maker's form: Amazon's (Titan, Nova Canvas) and Stability's.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html, .../nova/latest/userguide/
image-gen-req-resp-structure.html and .../model-parameters-stability-diffusion.html
"""

from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.loose import object_of
from tianji.protocol.media.form import Asked, Json, Outbound, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, ratio_of, size_of

_RATIOS: Final = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21")


class _Artifact(Struct):
    base64: str | None = None


class _Pictures(Struct):
    images: list[str] | None = None
    artifacts: list[_Artifact] | None = None  # of the first models of Stability's
    finish_reasons: list[str | None] = []
    error: str | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    model = asked.target.model
    told = _stability(asked) if "stability." in model else _amazon(asked)

    def read(body: bytes) -> Json:
        found = decoded(body, _Pictures, asked.target)
        if found.error or any(found.finish_reasons):
            raise held_back()
        made = found.images or [one.base64 for one in found.artifacts or () if one.base64]
        if not made:
            raise unreadable(asked.target, "it has no pictures", body)
        return answer_of({"b64_json": data} for data in made)

    return Outbound(f"/model/{quote(model, safe='')}/invoke", told, read=read)


def _amazon(asked: Asked) -> Json:
    size = size_of(asked)
    more = asked.beyond(ASKED)
    own: Any = more.pop("imageGenerationConfig", None)
    config: Json = {
        "numberOfImages": asked.count(),
        "width": None if size is None else size[0],
        "height": None if size is None else size[1],
        "quality": {"hd": "premium", "high": "premium"}.get(asked.text("quality") or "", "standard"),
        **object_of(own),
    }
    told = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": asked.text("prompt")}, **more}
    return told | {"imageGenerationConfig": without_none(config)}


def _stability(asked: Asked) -> Json:
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
    if "stable-diffusion-xl" in asked.target.model:
        size = size_of(asked)
        sides = {} if size is None else {"width": size[0], "height": size[1]}
        return {"text_prompts": [{"text": asked.text("prompt"), "weight": 1}], **sides, **asked.beyond(ASKED)}
    told = {"prompt": asked.text("prompt"), "aspect_ratio": ratio_of(asked, _RATIOS)}
    return without_none(told) | {"mode": "text-to-image"} | asked.beyond(ASKED)
