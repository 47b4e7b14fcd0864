"""What the results of a batch come to, however they are cut into pieces."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.upstreams.origin import Origin
from tianji.errors import UpstreamProtocolError
from tianji.objects.messages import results
from tianji.objects.messages.results import Tally, nearest
from tianji.objects.places import Place


def place(model: str) -> Place:
    return Place(model, "anthropic", Origin("h", 1), "", "", (), (), model=model)


def result(model: str, read: int, made: int) -> dict[str, Any]:
    message = {"model": model, "usage": {"input_tokens": read, "output_tokens": made}}
    return {"custom_id": "r", "result": {"type": "succeeded", "message": message}}


RESULTS = b"".join(
    json.dumps(one).encode() + b"\n"
    for one in (
        result("claude-a-2025", 10, 4),
        {"custom_id": "r", "result": {"type": "canceled"}},
        {"custom_id": "r", "result": {"type": "errored", "error": {"type": "error"}}},
        result("claude-b", 3, 2),
        result("claude-a-2025", 1, 1),
    )
)


@given(st.lists(st.integers(0, len(RESULTS)), max_size=8), st.booleans())
def test_pieces_may_be_cut_anywhere(cuts: list[int], ends: bool) -> None:
    data = RESULTS if ends else RESULTS.rstrip(b"\n")
    tally = Tally([place("claude-a"), place("claude-b"), place("claude-c")], 0)
    marks = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(marks):
        assert tally(data[start:end]) == b""
    assert not tally.whole
    tally(None)
    assert tally.whole
    bills = {of.model: (bill.prompt, bill.completion) for of, bill in tally.bills()}
    assert bills == {"claude-a": (11, 5), "claude-b": (3, 2)}


def test_the_first_place_has_a_bill_where_nothing_was_answered() -> None:
    tally = Tally([place("a"), place("b")], 0)
    tally(b"no json\n[]\n7\n")
    tally(None)
    assert [(of.model, bill.prompt) for of, bill in tally.bills()] == [("a", 0)]


def test_a_result_that_nobody_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "LONGEST", 100)
    tally = Tally([place("a")], 0)
    with pytest.raises(UpstreamProtocolError, match="over 100 bytes"):
        tally(b"x" * 101)


@pytest.mark.parametrize(
    ("answered", "which"),
    [
        ("claude-sonnet-4", 0),
        ("claude-sonnet-4-5-20250929", 1),
        ("claude-sonnet-4-20250514", 0),
        ("claude-3-7-sonnet-20250219", 2),
        ("other", 0),
    ],
)
def test_an_alias_has_answered_where_its_beginning_fits(answered: str, which: int) -> None:
    assert nearest(["claude-sonnet-4", "claude-sonnet-4-5", "claude-3-7-sonnet-latest", None], answered) == which


def test_the_cache_of_prompts_counts() -> None:
    used = {"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 2, "output_tokens": 1}
    tally = Tally([place("a")], 0)
    tally(json.dumps({"result": {"type": "succeeded", "message": {"model": "a", "usage": used}}}).encode())
    tally(None)
    ((_, bill),) = tally.bills()
    assert (bill.prompt, bill.cached, bill.completion) == (14, 7, 1)
