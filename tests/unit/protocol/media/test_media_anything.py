"""Whatever a vendor of pictures or sound sends is read, or said to be unreadable; and so is whatever is asked for."""

import json
import pkgutil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.protocol import media
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import Asked, File
from tianji.providers.table import rows

MODULES = [
    (name, provider)
    for found in pkgutil.iter_modules(media.__path__)
    if hasattr(load(name := f"tianji.protocol.media.{found.name}"), "outbound")
    for provider in (sorted(name for name, row in rows().items() if row.tasks) if found.name == "tasks" else ["v"])
]
OPERATIONS = ("image_generation", "image_edit", "audio_speech", "transcription", "ocr")
NAMES = """image images url b64_json predictions bytesBase64Encoded candidates content parts inlineData data
finishReason usageMetadata promptTokenCount promptFeedback artifacts base64 finish_reasons error
choices message image_url usage output audio base_resp status_code results channels alternatives
transcript words metadata duration text language_code word start end finish_reason type"""
ASKED = """document type document_url pages context translation input prompt voice speed size quality n
response_format language temperature instructions own image_config"""
_words = st.sampled_from(["inf", "-1", "1792x1024", "mp3"]) | st.text(max_size=5)
_leaves = _words | st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False)


def values(names: str) -> Any:
    return st.recursive(
        _leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names.split()), inner, max_size=4),
        max_leaves=12,
    )


def asked(provider: str, operation: str, members: dict[str, Any], *, drops: bool = False) -> Asked:
    target = Target(provider=provider, model="m", drop_params=drops)
    files = tuple((name, File(name, b"x", 1, "a.png", b"image/png")) for name in ("file", "image"))
    return Asked(operation, target, members, files)


@pytest.mark.parametrize(("module", "provider"), MODULES)
@settings(max_examples=25)
@given(
    operation=st.sampled_from(OPERATIONS),
    body=st.binary(max_size=40) | values(NAMES).map(lambda value: json.dumps(value).encode()),
)
def test_answers(module: str, provider: str, operation: str, body: bytes) -> None:
    made = load(module).outbound(asked(provider, operation, {"prompt": "a", "input": "a"}, drops=True))
    try:
        if made.sound is not None:
            assert isinstance(made.sound[1](body), bytes)
        told = made.answer(body)
    except TianjiError:
        return
    assert told == body or isinstance(json.loads(told), dict)


@pytest.mark.parametrize(("module", "provider"), MODULES)
@settings(max_examples=25)
@given(
    operation=st.sampled_from(OPERATIONS),
    members=st.dictionaries(st.sampled_from(ASKED.split()), values(ASKED), max_size=6),
    drops=st.booleans(),
)
def test_requests(module: str, provider: str, operation: str, members: dict[str, Any], drops: bool) -> None:
    try:
        made = load(module).outbound(asked(provider, operation, members, drops=drops))
    except TianjiError:
        return
    assert made.suffix.startswith("/")
    made.suffix.encode("ascii")
    assert b"\n" not in made.content_type
    assert made.length == sum(len(part) for part in made.parts)
