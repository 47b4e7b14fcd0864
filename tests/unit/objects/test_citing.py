"""What conversations say of files that were searched before an upstream reads them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tianji.objects.citing import uncited

OURS, THEIRS = "file-tjAAAA", "file-abc"


def note(file: str) -> dict[str, Any]:
    return {"type": "file_citation", "index": 1, "file_id": file, "filename": "a.txt"}


def said(*notes: dict[str, Any]) -> dict[str, Any]:
    part = {"type": "output_text", "text": "x", "annotations": list(notes)}
    return {"type": "message", "role": "assistant", "content": [part]}


def searched(*files: str) -> dict[str, Any]:
    return {"type": "file_search_call", "id": "fs_1", "results": [{"file_id": file, "text": "x"} for file in files]}


def left(*items: Any) -> Any:
    return json.loads(uncited(json.dumps({"model": "m", "input": list(items)}).encode()))["input"]


def test_our_ids_go_and_those_of_upstreams_stay() -> None:
    assert left(said(note(OURS), note(THEIRS))) == [said(note(THEIRS))]
    assert left(searched(OURS)) == [{"type": "file_search_call", "id": "fs_1", "results": None}]
    assert left(searched(THEIRS)) == [searched(THEIRS)]


def test_a_file_that_is_sent_stays_named() -> None:
    sent = {"role": "user", "content": [{"type": "input_file", "file_id": OURS}]}
    assert left(said(note(OURS)), sent) == [said(), sent]


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from(["file_citation", OURS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "input", "content", "annotations", "results", "file_id"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_anything_comes_through(value: Any) -> None:
    body = b'"file_citation"' + json.dumps(value).encode()
    assert uncited(body) == body  # no JSON: whoever answers says so
    json.loads(uncited(json.dumps({"input": value, "x": "file_citation"}).encode()))
