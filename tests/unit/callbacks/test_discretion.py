"""Files are told to nobody, and errors do not say what was said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.callbacks.test_event import payload, told

from tianji.callbacks.discretion import shortened

DATA = "A" * 100


def test_a_file_is_told_by_its_size() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    said = shortened([{"role": "user", "content": [image, {"type": "text", "text": DATA}]}])
    assert said[0]["content"][0]["image_url"]["url"] == "data:image/png;base64,[100 characters of base64]"
    assert said[0]["content"][1]["text"] == DATA
    assert shortened(f"see data:text/plain;charset=utf-8;base64,{DATA} there") == (
        "see data:text/plain;charset=utf-8;base64,[100 characters of base64] there"
    )
    assert shortened({"b64_json": DATA}) == {"b64_json": "[100 characters of base64]"}
    assert shortened({"b64_json": "short"}) == {"b64_json": "short"}


@pytest.mark.parametrize(
    "file",
    [
        {"type": "base64", "media_type": "image/png", "data": DATA},
        {"mimeType": "image/png", "data": DATA},
        {"format": "wav", "data": DATA},
    ],
)
def test_a_file_of_any_form_is_told_by_its_size(file: dict[str, str]) -> None:
    assert shortened([{"source": file}]) == [{"source": {**file, "data": "[100 characters of base64]"}}]
    assert shortened({"data": DATA}) == {"data": DATA}


def test_an_event_is_discreet() -> None:
    image = [{"role": "user", "content": f"data:image/png;base64,{DATA}"}]
    url = image[0]["content"]
    kept = {"password": "canary", "a": "b"}
    event = told(1, payload=payload(messages=image, api_key="canary", metadata=kept, prediction={"content": url}))
    assert DATA not in str(told(3, payload=payload(metadata={"picture": url})))
    assert "canary" not in str(event)
    assert DATA not in str(event)
    assert event.said == {"a": "b"}
    failed = told(2, status="failure", error_class="E", error_message=f"bad data:image/png;base64,{DATA}")
    assert DATA not in str(failed)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_holds_no_file_is_told_as_it_is(value: Any) -> None:
    assert ";base64," in str(value) or shortened(value) == value
