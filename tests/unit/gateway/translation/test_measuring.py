"""What requests for pictures, sound and ranks come to, before they are let in and when they are sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.journal.meter import KINDS, UNITS, Measures, Rates, cost
from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji._core.upstreams.spool import Extent, Spool
from tianji.accounting.sound import USUAL_RATE
from tianji.gateway.translation.forms import Form
from tianji.gateway.translation.measuring import MOST, asked_for, expected_of, pages_of, picture_of
from tianji.protocol.multipart import Piece

ATTO = 10**9  # of a nano-dollar


def counts(measures: Measures) -> dict[str, int]:
    """Return what there is of each unit, by what it costs where one costs a nano-dollar; a request costs nothing."""
    return {unit: found for unit in UNITS if unit != "requests" and (found := cost(priced(unit), None, 0, measures))}


def priced(unit: str) -> Rates:
    row = tuple(ATTO if kind == unit else 0 for kind in KINDS)
    return Rates((((-1, row),), *(() for _ in TIERS_BY_NUMBER[1:])))


@pytest.mark.parametrize(
    ("operation", "members", "found"),
    [
        ("image_generation", {}, {"output_pictures": 1, "pixels": 1024 * 1024}),
        ("image_generation", {"n": 3, "size": "512x256"}, {"output_pictures": 3, "pixels": 3 * 512 * 256}),
        ("image_edit", {"n": "2", "size": "auto"}, {"output_pictures": 2, "pixels": 2 * 1024 * 1024}),
        ("image_edit", {"n": -5}, {"output_pictures": 1, "pixels": 1024 * 1024}),
        ("image_generation", {"n": 10**9}, {"output_pictures": MOST, "pixels": MOST * 1024 * 1024}),
        ("audio_speech", {"input": "ä" * 7}, {"input_characters": 7}),
        ("audio_speech", {"input": 7}, {}),
        ("rerank", {"query": "q"}, {"queries": 1}),
        ("ocr", {}, {"pages": 1}),
        ("ocr", {"pages": [0, 4]}, {"pages": 2}),
        ("ocr", {"pages": "0-4"}, {"pages": 1}),
        ("transcription", {}, {}),
    ],
)
def test_what_is_asked_for(operation: str, members: dict[str, Any], found: dict[str, int]) -> None:
    body = json.dumps(members).encode()
    assert counts(asked_for(operation, body, None)) == found
    assert counts(expected_of(operation, body)) == found


@pytest.mark.parametrize("kept", [False, True])
def test_a_recording_comes_to_its_length(kept: bool) -> None:
    content: bytes | Extent = bytes(2 * USUAL_RATE)
    if kept:
        spool = Spool()
        spool.write(b"before" + bytes(2 * USUAL_RATE) + b"behind")
        content = Extent(spool, 6, 2 * USUAL_RATE)
    form = Form((("file", Piece("file", content, 2 * USUAL_RATE, "f")),))
    assert counts(asked_for("transcription", b"{}", form)) == {"milliseconds": 2000}


def test_before_it_is_let_in_a_recording_comes_to_its_size() -> None:
    body = json.dumps({"file": {"filename": "f", "bytes": 3 * USUAL_RATE}}).encode()
    assert counts(expected_of("transcription", body)) == {"milliseconds": 3000}


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({}, ("standard", "1024x1024")),
        ({"quality": "auto", "size": "auto"}, ("standard", "1024x1024")),
        ({"quality": "hd", "size": "1024x1792"}, ("hd", "1024x1792")),
        ({"quality": 1, "size": [1]}, ("standard", "1024x1024")),
    ],
)
def test_what_a_price_of_pictures_goes_by(members: dict[str, Any], kind: tuple[str, str]) -> None:
    found = picture_of({name: json.dumps(value).encode() for name, value in members.items()})  # type: ignore[misc]
    assert (found.quality, found.size) == kind


@given(
    st.binary(max_size=20)
    | st.fixed_dictionaries(
        {},
        optional={
            "pages": st.lists(st.none(), max_size=3) | st.integers(),
            "document_annotation": st.none() | st.text(max_size=2),
            "usage_info": st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    "pages_processed": st.integers(-1, 3) | st.text(max_size=1),
                    "pages_processed_annotation": st.integers(-1, 3) | st.none(),
                    "credits": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
                },
            ),
        },
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_said_of_pages_is_counted_or_not(answer: bytes) -> None:
    found = pages_of(answer)
    assert found is None or all(count >= 0 for count in counts(found).values())


def test_pages_are_counted_as_they_are_billed() -> None:
    told = {"pages": [{}, {}], "document_annotation": "{}"}
    assert counts(pages_of(json.dumps(told).encode()) or Measures()) == {"pages": 2, "annotated_pages": 2}
    told["usage_info"] = {"pages_processed": 3, "pages_processed_annotation": 1, "credits": 4.5}
    found = counts(pages_of(json.dumps(told).encode()) or Measures())
    assert found == {"pages": 3, "annotated_pages": 1, "credits": 4500}
