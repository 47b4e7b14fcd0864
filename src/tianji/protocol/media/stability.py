"""Stability AI: https://platform.stability.ai/docs/api-reference#tag/Generate and #tag/Edit."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.media.form import Asked, Json, Outbound, as_form, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, held_back, ratio_of

_ROUTES: Final[Mapping[str, str]] = {"core": "core", "ultra": "ultra"}  # models with a path of their own
_EDITS: Final[Mapping[str, str]] = {
    "inpaint": "edit/inpaint",
    "outpaint": "edit/outpaint",
    "erase": "edit/erase",
    "search-and-replace": "edit/search-and-replace",
    "search-and-recolor": "edit/search-and-recolor",
    "remove-background": "edit/remove-background",
    "sketch": "control/sketch",
    "structure": "control/structure",
    "style": "control/style",
    "style-transfer": "control/style-transfer",
    "fast": "upscale/fast",
    "conservative": "upscale/conservative",
}
_RATIOS: Final = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21")


class _Picture(Struct):
    image: str
    finish_reason: str = "SUCCESS"


def outbound(asked: Asked) -> Outbound:
    """Write a request: a form, of which the answer is one picture."""
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
    model = asked.target.model.removeprefix("stable-image-").removesuffix("-upscale")
    edits = asked.operation == "image_edit"
    if edits:
        path = f"/v2beta/stable-image/{_EDITS.get(model, f'generate/{_generator(model)}')}"
    else:
        path = f"/v2beta/stable-image/generate/{_generator(model)}"
    fields: Json = {"prompt": asked.text("prompt"), "output_format": asked.text("output_format") or "png"}
    if _generator(model) == "sd3" and path.endswith("/sd3"):
        fields["model"] = "sd3.5-large" if model == "sd3" else model
    if edits and path.endswith("/sd3"):
        fields["mode"] = "image-to-image"
    elif not edits:
        fields["aspect_ratio"] = ratio_of(asked, _RATIOS)
    files = [("image", asked.file("image"))] if edits else []
    files += [("mask", file) for name, file in asked.files if name == "mask"]
    form = as_form(without_none(fields | asked.beyond(ASKED)), files)

    def read(body: bytes) -> Json:
        found = decoded(body, _Picture, asked.target)
        if found.finish_reason == "CONTENT_FILTERED":
            raise held_back()
        return answer_of([{"b64_json": found.image}])

    return Outbound(path, form, read=read, headers=((b"accept", b"application/json"),))


def _generator(model: str) -> str:
    return _ROUTES.get(model, "sd3")
