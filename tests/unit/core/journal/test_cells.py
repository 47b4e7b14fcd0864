"""What cells hold is what entries say, figure by figure."""

from array import array
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.conftest import NOON, entry

from tianji._core.journal.cells import SUMS, TIMES, Form
from tianji._core.journal.sheet import Alike
from tianji.ledger.entry import Entry
from tianji.ledger.rows import sheet_of

BOUNDS = ((10, 200, 3000), (10,), (), (10, 20), (5,), (1, 2, 3, 4))
KINDS = ("input_audio", "output_audio", "output_pictures", "output_video_milliseconds")
COUNT = st.integers(0, 2**63 - 1) | st.integers(0, 300)
MOST = 10**15  # what a figure counts at most
LARGEST = 2**63 - 1
ENTRIES = st.builds(
    entry,
    st.integers(0, 10**6),
    key=st.sampled_from("kl"),
    status=st.sampled_from(["success", "success", "failure"]),
    deployment_id=st.sampled_from(["", "d"]),
    ended_at=COUNT | st.integers(NOON, NOON + 4000),
    answered_at=st.none() | st.integers(NOON, NOON + 4000),
    items=st.lists(st.tuples(st.sampled_from((*KINDS, "input", "input_audi")), COUNT, COUNT), max_size=3).map(tuple),
    remaining=st.none()
    | st.tuples(st.integers(-1, 9), st.integers(-1, 9))
    | st.tuples(st.integers(-1, 9), st.integers(-1, 9), st.integers(0, 1000)),
    project_id=st.sampled_from([None, "p"]),
    user_agent=st.sampled_from([None, "a"]),
    limited=st.sampled_from([None, "tokens"]),
    spend_logs_metadata=st.sampled_from([None, "{}"]),
    **dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens"), COUNT),
    **dict.fromkeys(("reasoning_tokens", "cost", "waited", "upstream"), COUNT),
    **dict.fromkeys(("stream", "cache_hit"), st.booleans()),
)


def sums_of(one: Entry, *, caches: bool) -> dict[str, int]:
    """What an entry adds to a cell, but for requests."""
    prompt, completion = min(one.prompt_tokens, MOST), min(one.completion_tokens, MOST)
    cost = {"cost": min(one.cost, MOST)}
    if one.cache_hit:
        return {**cost, "hits": 1, "hit_tokens": prompt + completion}
    well = one.status == "success"
    counted = [sum(quantity for kind, quantity, _ in one.items if kind == wanted) for wanted in KINDS]
    return {
        **cost,
        "tokens": prompt + completion,
        "prompt": prompt,
        "completion": completion,
        "cached": min(one.cached_tokens, MOST),
        "written": min(one.written_tokens, MOST),
        "reasoning": min(one.reasoning_tokens, MOST),
        **dict(zip(("audio_in", "audio_out", "images", "video"), counted, strict=True)),
        "served": bool(one.deployment_id),
        "unpriced": well and not one.items and prompt + completion > 0,
        "misses": well and caches,
    }


def times_of(one: Entry) -> dict[str, int]:
    """The times of an entry, microseconds."""
    if one.status != "success":
        return {}
    took = max(0, one.ended_at - one.started_at)
    found = {"total": took + one.waited}
    if one.deployment_id:
        found["waited"] = one.waited
        found |= {"upstream": one.upstream, "overhead": max(0, took - one.upstream)} if one.upstream else {}
        found |= {"first_token": max(0, (one.answered_at or 0) - one.started_at)} if streamed(one) else {}
        found |= {"per_token": took // min(one.completion_tokens, MOST)} if one.completion_tokens else {}
    return found


def streamed(one: Entry) -> bool:
    return one.stream and one.answered_at is not None


class World:
    def __init__(self) -> None:
        self.form = Form(BOUNDS)
        self.cells: dict[Any, array[int]] = {}
        self.judged: list[tuple[str, int, Any]] = []

    def found(self, alike: Alike, tokens: int, streamed: bool) -> tuple[Any, "array[int]"]:
        facts = (alike.account.shared.terms.key, alike.account.shared.terms.deployment_id, alike.status, streamed)
        return facts, self.cells.setdefault(facts, self.form.empty())

    def take(self, entries: list[Entry], failures: dict[str, Any], *, caches: bool = False) -> dict[Any, Any]:
        def judge(request: str, ended_at: int, facts: Any) -> None:
            self.judged.append((request, ended_at, facts))

        sheet = sheet_of(entries)
        return self.form.take(sheet, self.found, judge, failures, sizes=(1, 100), streams=True, caches=caches)


@settings(max_examples=60)
@given(st.lists(ENTRIES, max_size=6), st.booleans())
def test_a_cell_holds_the_sums_of_what_is_alike(given: list[Entry], caches: bool) -> None:
    world = World()
    left = world.take(given, {}, caches=caches)
    wanted: dict[Any, dict[str, list[int]]] = {}
    last: dict[Any, Any] = {}
    for one in given:
        facts = (one.key, one.deployment_id, one.status, one.stream)
        held = wanted.setdefault(facts, {name: [] for name in (*SUMS, *TIMES)})
        for name, amount in {**sums_of(one, caches=caches), **times_of(one)}.items():
            held[name].append(amount)
        held["requests"].append(one.status == "success")
        if one.remaining is not None:
            last.pop(facts, None)
            last[facts] = one.remaining[:2]
    assert list(left.items()) == list(last.items())
    assert world.cells.keys() == wanted.keys()
    for facts, cell in world.cells.items():
        for name in SUMS:
            assert cell[world.form.place(name)].tolist() == [min(sum(wanted[facts][name]), LARGEST)], name
        for name, ends in zip(TIMES, BOUNDS, strict=True):
            buckets = [0] * (len(ends) + 1)
            for time in wanted[facts][name]:
                buckets[bisect_left(ends, time)] += 1
            assert cell[world.form.place(name)].tolist() == [*buckets, min(sum(wanted[facts][name]), LARGEST)], name


def test_what_failed_is_judged_and_so_is_what_follows_it() -> None:
    world = World()
    given = [entry(1), entry(2, status="failure"), entry(3, request_id="call-1")]
    world.take(given, {"call": None})
    assert [request for request, _, _ in world.judged] == [given[1].request_id, "call-1"]
    assert world.judged[0][1:] == (given[1].ended_at, ("k", "", "failure", False))
    (requests,) = world.cells["k", "", "success", False][world.form.place("requests")]
    assert requests == 1


def test_cells_of_another_form_are_refused() -> None:
    world = World()
    world.found = lambda *_: ("facts", array("q", [0]))  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="another form"):
        world.take([entry(1)], {})
    with pytest.raises(ValueError, match="6 times have bounds, not 1"):
        Form(((1,),))
