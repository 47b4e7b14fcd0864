"""OpenAI's pictures: made, edited, varied; whole or in parts.

Source of the forms: https://platform.openai.com/docs/api-reference/images and .../images-streaming
"""

import base64
import zlib
from typing import Any

import msgspec

from tianji.mock.forms import Form
from tianji.mock.json import CREATED, Json, encode, event
from tianji.mock.script import Answer
from tianji.mock.text import count_words, seed_of

TOKENS = 272  # of one picture, as the real ones have for a small one
_PIXEL = b"\x89PNG\r\n\x1a\n"


class ImageRequest(msgspec.Struct):
    """What the mock reads of a request for pictures."""

    model: str
    prompt: str
    n: int = 1
    stream: bool = False
    partial_images: int = 0
    response_format: str = "b64_json"


def generations(request: ImageRequest) -> Answer:
    """Answer /images/generations."""
    return _answer("image_generation", request, 0)


def edits(form: Form) -> Answer:
    """Answer /images/edits: each file that was sent counts as pictures of the prompt."""
    return _answer("image_edit", _request(form), len(form.files))


def edits_of_links(request: ImageRequest) -> Answer:
    """Answer /images/edits whose pictures are given by their addresses, in JSON."""
    return _answer("image_edit", request, 1)


def variations(form: Form) -> Answer:
    """Answer /images/variations."""
    return _answer("image_variation", _request(form), len(form.files))


def _request(form: Form) -> ImageRequest:
    return ImageRequest(
        model=form.text("model"),
        prompt=form.text("prompt"),
        n=int(form.text("n", "1")),
        stream=form.text("stream") == "true",
        partial_images=int(form.text("partial_images", "0")),
    )


def _answer(kind: str, request: ImageRequest, given: int) -> Answer:
    seed = seed_of(request.model, request.prompt)
    pictures = [_picture(seed, number) for number in range(request.n)]
    usage = _usage(request, given)
    if request.stream:
        parts = [
            event(f"{kind}.partial_image", b64_json=pictures[0], partial_image_index=number)
            for number in range(request.partial_images)
        ]
        whole = event(f"{kind}.completed", b64_json=pictures[0], created_at=CREATED, **usage)
        return Answer(events=(*parts, whole), paced=(0, len(parts)), closing=1)
    data: list[Json] = [{"b64_json": picture} for picture in pictures]
    if request.response_format == "url":
        data = [{"url": f"https://mock.invalid/{seed:08x}/{number}.png"} for number in range(request.n)]
    return Answer(body=encode({"created": CREATED, "data": data} | usage))


def _usage(request: ImageRequest, given: int) -> dict[str, Any]:
    """Say what was used, as the models do that are billed by tokens."""
    if not request.model.startswith("gpt-image"):
        return {}
    words, pictures, made = count_words(request.prompt), given * TOKENS, request.n * TOKENS
    return {
        "usage": {
            "input_tokens": words + pictures,
            "input_tokens_details": {"text_tokens": words, "image_tokens": pictures},
            "output_tokens": made,
            "total_tokens": words + pictures + made,
        }
    }


def _picture(seed: int, number: int) -> str:
    return base64.b64encode(_PIXEL + zlib.compress(f"{seed:08x} {number}".encode())).decode()
