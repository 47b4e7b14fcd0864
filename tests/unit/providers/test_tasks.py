"""Where the calls of tasks go, and what of a provider's they are."""

from collections.abc import Mapping

import pytest

from tianji.providers import build
from tianji.providers.deployment import read
from tianji.providers.places import PLACES, Place


@pytest.mark.parametrize(
    ("base", "there"),
    [
        ("https://llm-gateway.assemblyai.com/v1", "https://api.assemblyai.com"),
        ("https://llm-gateway.eu.assemblyai.com/v1", "https://api.eu.assemblyai.com"),
        ("https://api.eu.assemblyai.com", "https://api.eu.assemblyai.com"),
        ("https://api.assemblyai.com/v2", "https://api.assemblyai.com"),
        ("http://proxy.example/own", "http://proxy.example/own"),
    ],
)
def test_recordings_are_heard_beside_chat(base: str, there: str) -> None:
    deployment = read({"model": "assemblyai/best"}, {}, ("assemblyai", "best"), drop_params=None)
    place = Place(base, "best", {}, (("authorization", "Bearer k"), ("x", "Bearer")), own=True)
    found = PLACES["assemblyai"](deployment, place)
    assert (found.base, found.headers) == (there, (("authorization", "k"), ("x", "Bearer")))


@pytest.mark.parametrize(
    ("model", "params", "answered"),
    [
        ("assemblyai/best", {}, {"transcription"}),
        ("soniox/m", {}, {"transcription", "translation"}),
        ("reducto/parse-v3", {}, {"ocr"}),
        ("runwayml/gen4_image", {"api_base": "https://x.example/v1"}, {"image_generation"}),
    ],
)
def test_what_code_of_the_gateway_answers(model: str, params: Mapping[str, object], answered: set[str]) -> None:
    upstream = build({"model": model, "api_key": "k", **params}, {}, drop_params=None)
    assert upstream.answers is not None
    assert upstream.answered == answered
    assert {upstream.media[operation] for operation in answered} == {"tianji.protocol.media.tasks"}
    assert ("chat" in upstream.paths) == (model == "assemblyai/best")
