"""Pictures that are painted, and changed."""

import base64
from fractions import Fraction
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.harness import Gateway
from tests.fakes.vendors import Answer, Vendors, plain

PLACE = "/v1/projects/p-1/locations/us-central1"
PICTURE = base64.b64encode(b"\x89PNG").decode()


def parts(*pictures: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"inlineData": {"data": one}} for one in pictures]}}]}


class Painter(NamedTuple):
    """Where a vendor is asked to paint, with what, and what it answers, once with a picture and once without."""

    path: str
    told: Any
    answer: Any
    filtered: Any = None


CHAT_IMAGE = {"message": {"images": [{"image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]}}
PAINTERS = {
    "stability": Painter(
        "/v2beta/stable-image/generate/sd3",
        {"prompt": "a cat", "model": "sd3.5-large", "aspect_ratio": "16:9", "output_format": "png"},
        {"image": PICTURE, "finish_reason": "SUCCESS", "seed": 1},
        {"image": PICTURE, "finish_reason": "CONTENT_FILTERED", "seed": 1},
    ),
    "fal": Painter(
        "/fal-ai/flux/dev",
        {"prompt": "a cat", "num_images": 1, "image_size": {"width": 1792, "height": 1024}},
        {"images": [{"url": "https://fal.media/a.png", "width": 1792}], "seed": 1},
    ),
    "aiml": Painter(
        "/v1/images/generations",
        {
            "model": "flux/schnell",
            "prompt": "a cat",
            "num_images": 1,
            "image_size": {"width": 1792, "height": 1024},
        },
        {"images": [{"url": "https://cdn.aimlapi.com/a.png", "width": 1792}]},
    ),
    "imagen": Painter(
        f"{PLACE}/publishers/google/models/imagen-4.0-generate-001:predict",
        {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}},
        {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PICTURE}]},
        {"predictions": [{"raiFilteredReason": "no"}]},
    ),
    "gemini-image": Painter(
        "/models/gemini-2.5-flash-image:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}},
        },
        parts(PICTURE)
        | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1290, "totalTokenCount": 1293}},
        {"candidates": [{"finishReason": "IMAGE_SAFETY"}]},
    ),
    "nova-canvas": Painter(
        "/model/amazon.nova-canvas-v1%3A0/invoke",
        {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "a cat"},
            "imageGenerationConfig": {"numberOfImages": 1, "width": 1792, "height": 1024, "quality": "standard"},
        },
        {"images": [PICTURE]},
        {"images": [], "error": "blocked by our content filters"},
    ),
    "bedrock-stability": Painter(
        "/model/stability.sd3-5-large-v1%3A0/invoke",
        {"prompt": "a cat", "aspect_ratio": "16:9", "mode": "text-to-image"},
        {"seeds": [1], "finish_reasons": [None], "images": [PICTURE]},
        {"seeds": [1], "finish_reasons": ["Filter reason: prompt"]},
    ),
    "openrouter": Painter(
        "/chat/completions",
        {
            "model": "google/gemini-2.5-flash-image",
            "messages": [{"role": "user", "content": "a cat"}],
            "modalities": ["image", "text"],
            "image_config": {"aspect_ratio": "16:9"},
        },
        {"choices": [CHAT_IMAGE], "usage": {"prompt_tokens": 3, "completion_tokens": 9}},
    ),
    "qwen-image": Painter(
        "/api/v1/services/aigc/multimodal-generation/generation",
        {
            "model": "qwen-image",
            "input": {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]},
            "parameters": {"size": "1792*1024", "n": 1},
        },
        {"output": {"choices": [{"message": {"content": [{"image": "https://a.aliyuncs.com/a.png"}]}}]}},
    ),
}


def fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form."""
    found = {}
    for part in body.split(b"\r\n--"):
        head, _, value = part.partition(b"\r\n\r\n")
        if b'name="' in head and b"filename" not in head:
            found[head.split(b'name="')[1].split(b'"')[0].decode()] = value.decode()
    return found


@pytest.mark.parametrize("model", PAINTERS)
class TestPainters:
    def test_a_picture(self, client: openai.OpenAI, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        vendors.say(painter.path, plain(painter.answer))
        found = client.images.generate(model=model, prompt="a cat", n=1, size="1792x1024")
        (made,) = found.data or []
        assert made.b64_json == PICTURE or (made.url or "").startswith("https://")
        asked = vendors.last(painter.path)
        assert (fields(asked.body) if model == "stability" else asked.json) == painter.told

    def test_none(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        for said in (b"{}", b"[]", b'"x"', b'{"images":7,"choices":7,"output":7,"predictions":7,"candidates":7}'):
            vendors.say(painter.path, Answer(said))
            answer = gateway.post("/v1/images/generations", {"model": model, "prompt": "a cat"})
            error = answer.json()["error"]
            if model == "imagen" and said == b"{}":  # as Google says that all were held back
                assert (answer.status_code, error["code"]) == (400, "content_filter")
                continue
            assert answer.status_code == 502, (said, answer.text)
            provider = {"fal": "fal_ai", "imagen": "vertex_ai", "nova-canvas": "bedrock", "qwen-image": "dashscope"}
            assert provider.get(model, model.split("-", maxsplit=1)[0]) in error["message"]

    def test_one_that_is_held_back(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        if painter.filtered is None:
            return
        vendors.say(painter.path, plain(painter.filtered))
        answer = gateway.post("/v1/images/generations", {"model": model, "prompt": "a cat"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")


def test_a_picture_that_is_the_answer_itself(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/image/v1/enhance", Answer(b"\x89PNG better", content_type="image/png"))
    asked: Any = {
        "files": {"image": ("a.png", b"\x89PNG", "image/png")},
        "data": {"model": "topaz", "size": "1024x1024"},
    }
    answer = gateway.client.post("/v1/images/variations", **asked)
    assert answer.headers["content-type"].startswith("application/json")
    (made,) = answer.json()["data"]
    assert base64.b64decode(made["b64_json"]) == b"\x89PNG better"
    told = vendors.last("/image/v1/enhance")
    assert fields(told.body) == {
        "model": "Standard V2",
        "output_width": "1024",
        "output_height": "1024",
        "output_format": "png",
    }
    assert (told.headers["x-api-key"], b"\r\n\r\n\x89PNG\r\n" in told.body) == ("k", True)
    vendors.say("/image/v1/enhance", plain({"message": "no such model"}, 400))
    answer = gateway.client.post("/v1/images/variations", **asked)
    assert (answer.status_code, "no such model" in answer.text) == (400, True)


def test_an_edit_brings_its_picture(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/v2beta/stable-image/edit/inpaint"
    vendors.say(path, plain({"image": PICTURE, "finish_reason": "SUCCESS"}))
    png, mask = ("a.png", b"\x89PNG one", "image/png"), ("m.png", b"\x89PNG two", "image/png")
    found = client.images.edit(model="stability-edit", image=png, mask=mask, prompt="a hat", extra_body={"seed": 3})
    assert (found.data or [])[0].b64_json == PICTURE
    asked = vendors.last(path)
    assert fields(asked.body) == {"prompt": "a hat", "output_format": "png", "seed": "3"}
    assert b'name="image"; filename="a.png"' in asked.body
    assert b'name="mask"; filename="m.png"' in asked.body
    assert asked.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("model", "begins", "told", "look", "done", "held_back"),
    [
        (
            "flux",
            "/v1/flux-pro-1.1",
            {"prompt": "a cat", "width": 1792, "height": 1024},
            "/v1/get_result",
            {"id": "i", "status": "Ready", "result": {"sample": "https://delivery.bfl.ai/a.png"}},
            {"id": "i", "status": "Request Moderated"},
        ),
        (
            "runway",
            "/v1/text_to_image",
            {"model": "gen4_image", "promptText": "a cat", "ratio": "1792:1024"},
            "/v1/tasks/i",
            {"id": "i", "status": "SUCCEEDED", "output": ["https://a.runwayml.com/a.png"]},
            {"id": "i", "status": "FAILED", "failure": "no", "failureCode": "SAFETY.INPUT.TEXT"},
        ),
    ],
)
def test_a_picture_that_is_a_task(
    gateway: Gateway,
    vendors: Vendors,
    model: str,
    begins: str,
    told: dict[str, Any],
    look: str,
    done: dict[str, Any],
    held_back: dict[str, Any],
) -> None:
    vendors.say(begins, plain({"id": "i", "polling_url": f"{vendors.url}{look}?id=i"}))
    vendors.say(look, plain(done))
    ask = {"model": model, "prompt": "a cat", "size": "1792x1024"}
    answer = gateway.post("/v1/images/generations", ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["url"].endswith("/a.png")
    assert vendors.last(begins).json == told
    assert {"k", "Bearer k"} & set(vendors.last(look).headers.values())
    vendors.say(look, plain(held_back))
    answer = gateway.post("/v1/images/generations", ask)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")
    vendors.say(look, plain({"id": "i", "status": "FAILED" if model == "runway" else "Error"}))
    assert gateway.post("/v1/images/generations", ask).status_code >= 500
    for said, status in ((Answer(b"\xff"), 502), (plain({"detail": "slow down"}, 429), 429)):
        vendors.say(begins, said)
        answer = gateway.post("/v1/images/generations", ask)
        assert answer.status_code == status, answer.text


def test_pictures_are_changed_by_a_task(client: openai.OpenAI, gateway: Gateway, vendors: Vendors) -> None:
    one, two = ("a.png", b"one", "image/png"), ("b.png", b"two", "image/png")
    inside = {picture[1]: base64.b64encode(picture[1]).decode() for picture in (one, two)}
    look = {"id": "i", "status": "Ready", "result": {"sample": "https://delivery.bfl.ai/a.png"}}
    vendors.say("/v1/get_result", plain(look))
    for path in ("/v1/flux-kontext-pro", "/v1/flux-pro-1.0-fill"):
        vendors.say(path, plain({"id": "i", "polling_url": f"{vendors.url}/v1/get_result?id=i"}))
    found = client.images.edit(model="kontext", image=[one, two], prompt="a hat")
    assert (found.data or [])[0].url == "https://delivery.bfl.ai/a.png"
    told = {"prompt": "a hat", "input_image": inside[b"one"], "input_image_2": inside[b"two"]}
    assert vendors.last("/v1/flux-kontext-pro").json == told
    client.images.edit(model="fill", image=one, mask=two, prompt="a hat", extra_body={"seed": 3})
    told = {"prompt": "a hat", "image": inside[b"one"], "mask": inside[b"two"], "seed": "3"}
    assert vendors.last("/v1/flux-pro-1.0-fill").json == told
    refused = gateway.client.post(
        "/v1/images/edits", files={"image": one, "mask": two}, data={"model": "kontext", "prompt": "x"}
    )
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "mask")


def test_no_key_goes_where_an_answer_leads(gateway: Gateway, vendors: Vendors) -> None:
    for where in ("https://evil.example/x", "http://127.0.0.1:1/x", "//x", "http://u@127.0.0.1/", "http://[x"):
        vendors.say("/v1/flux-pro-1.1", plain({"id": "i", "polling_url": where}))
        answer = gateway.post("/v1/images/generations", {"model": "flux", "prompt": "a cat"})
        assert answer.status_code in (404, 502), (where, answer.text)


def test_a_picture_of_gemini_costs_its_tokens(gateway: Gateway, vendors: Vendors) -> None:
    painter = PAINTERS["gemini-image"]
    vendors.say(painter.path, plain(painter.answer))
    answer = gateway.post("/v1/images/generations", {"model": "gemini-image", "prompt": "a cat"})
    # 3 tokens at 0.3 dollars a million, 1290 of a picture at 30
    assert Fraction(answer.headers["x-litellm-response-cost"]) == Fraction(3 * 3, 10**7) + Fraction(1290 * 30, 10**6)
