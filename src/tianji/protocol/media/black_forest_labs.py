"""Black Forest Labs' pictures: https://docs.bfl.ai/quick_start/generating_images and .../kontext/kontext_image_editing.

Pictures to be changed are in the request, in Base64; tools that fill and expand them know one, by another name:
https://docs.bfl.ai/flux_tools/flux_1_fill.
"""

import base64
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.media.form import Asked, Json, content_of, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, one, ratio_of, size_of
from tianji.protocol.media.tasks import Call, Task, failed

MOST: Final = 20 << 20
"""Bytes of a picture, as many as the vendor takes."""


class _Submitted(Struct):
    polling_url: str = ""


class _Sample(Struct):
    sample: str | None = None


class _Look(Struct):
    status: str
    result: _Sample | None = None


def begun(asked: Asked) -> Task:
    """Ask at the path of the model, some of which take a size and some a ratio; look where the vendor says."""
    one(asked)
    size, model = size_of(asked), asked.target.model
    told: Json = {"prompt": asked.text("prompt"), "output_format": asked.text("output_format")}
    if "ultra" in model or "kontext" in model:
        told["aspect_ratio"] = ratio_of(asked)
    elif size is not None:
        told |= {"width": size[0], "height": size[1]}
    body = without_none(told | _brought(asked)) | asked.beyond(ASKED)
    begun = decoded((yield Call(f"/v1/{quote(model, safe='')}", body)), _Submitted, asked.target)
    while True:
        found = decoded((yield Call(begun.polling_url)), _Look, asked.target)
        if found.status == "Ready" and found.result is not None and found.result.sample:
            return answer_of([{"url": found.result.sample}])
        if "Moderated" in found.status:
            raise held_back()
        if found.status not in ("Pending", "Queued", "Processing"):
            raise failed(asked, found.status)


def _brought(asked: Asked) -> Json:
    """Return the pictures that a request brings."""
    if asked.operation == "image_generation":
        return {}
    asked.file("image")
    found = [base64.b64encode(content_of(file, MOST)).decode() for name, file in asked.files if name == "image"]
    masks = [base64.b64encode(content_of(file, MOST)).decode() for name, file in asked.files if name == "mask"]
    model = asked.target.model
    if "fill" in model or "expand" in model:
        return {"image": found[0], "mask": masks[0] if masks else None}
    if masks:
        lacking(asked, "mask", "only its models that fill have one")
    return {f"input_image{f'_{number}' if number > 1 else ''}": one for number, one in enumerate(found, 1)}
