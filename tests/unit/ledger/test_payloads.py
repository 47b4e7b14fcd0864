"""Long texts lose their middle, and nothing else is lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.ledger.payloads import LONGEST, shortened

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_short_stays(value: Any) -> None:
    assert json.loads(shortened(json.dumps(value).encode())) == value


@given(st.text("ab\n\u00e9\U0001f600", min_size=9), st.integers(2, 8))
def test_what_is_long_keeps_both_ends(text: str, longest: int) -> None:
    kept = json.loads(shortened(json.dumps([{"content": text}]).encode(), longest))[0]["content"]
    head = longest * 35 // 100
    assert kept == f"{text[:head]}... ({len(text) - longest} characters left out) ...{text[head - longest :]}"


def test_the_usual_length() -> None:
    assert json.loads(shortened(json.dumps("x" * LONGEST).encode())) == "x" * LONGEST
    assert len(json.loads(shortened(json.dumps("x" * 400_000).encode()))) < LONGEST + 50


@pytest.mark.parametrize("document", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_not_kept(document: bytes) -> None:
    assert shortened(document) == b""
