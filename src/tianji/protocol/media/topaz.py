"""Topaz Labs, which makes pictures better: https://developer.topazlabs.com/reference/api-endpoints/image/enhance."""

import base64

import msgspec

from tianji.protocol.chat.support import unreadable, without_none
from tianji.protocol.media.form import JSON, Asked, Json, Outbound, as_form, lacking
from tianji.protocol.media.pictures import ASKED, answer_of, size_of


def outbound(asked: Asked) -> Outbound:
    """Write a request: a form, which is answered with the picture itself."""
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
    if asked.text("response_format") == "url":
        lacking(asked, "response_format", "its pictures are b64_json")
    size = size_of(asked) or (None, None)
    fields = {
        "model": asked.target.model,
        "output_width": size[0],
        "output_height": size[1],
        "output_format": asked.text("output_format") or "png",
    }
    form = as_form(without_none(fields) | asked.beyond(ASKED), [("image", asked.file("image"))])

    def read(body: bytes) -> Json:
        if not body:
            raise unreadable(asked.target, "it has no picture", body)
        return answer_of([{"b64_json": base64.b64encode(body).decode()}])

    return Outbound("/image/v1/enhance", form, read=read, shown=(JSON, msgspec.json.encode))
