"""Black Forest Labs' pictures: https://docs.bfl.ai/quick_start/generating_images."""

from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import without_none
from tianji.protocol.media.form import Asked, Json, decoded
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, one, ratio_of, size_of
from tianji.protocol.media.tasks import Call, Task, failed


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
    body = without_none(told) | asked.beyond(ASKED)
    begun = decoded((yield Call(f"/v1/{quote(model, safe='')}", body)), _Submitted, asked.target)
    while True:
        found = decoded((yield Call(begun.polling_url)), _Look, asked.target)
        if found.status == "Ready" and found.result is not None and found.result.sample:
            return answer_of([{"url": found.result.sample}])
        if "Moderated" in found.status:
            raise held_back()
        if found.status not in ("Pending", "Queued", "Processing"):
            raise failed(asked, found.status)
