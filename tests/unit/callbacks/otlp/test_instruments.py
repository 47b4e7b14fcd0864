"""What is measured, and who adds it up."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.callbacks.otlp.events import answered, failed

from tianji.callbacks.otlp import instruments
from tianji.callbacks.otlp.instruments import COST, DURATION, EACH, FIRST, OVERFLOW, RESPONSE, TOKENS, Meter, chosen

NOON = 1_772_366_400_000_000


def meter(*, delta: bool = False, times: Iterator[int] | None = None, **lists: frozenset[str]) -> Meter:
    clock = times or iter(range(100))
    labels = chosen(lists.get("included"), lists.get("excluded", frozenset()))
    return Meter(delta=delta, labels=labels, now=lambda: next(clock))


def test_what_an_attempt_measures() -> None:
    streamed = answered(stream=True, started_at=NOON, answered_at=NOON + 100_000, ended_at=NOON + 500_000)
    told = {instrument: value for instrument, value, _ in instruments.measured(streamed)}
    assert told[DURATION] == told[RESPONSE] == pytest.approx(0.5)
    assert told[FIRST] == pytest.approx(0.1)
    assert told[EACH] == pytest.approx(0.4 / 4)
    assert told[COST] == 2.0
    assert [instrument for instrument, _, _ in instruments.measured(failed())] == [DURATION]
    cached = [instrument for instrument, _, _ in instruments.measured(answered(cache_hit=True, cost=0))]
    assert cached == [DURATION, TOKENS, TOKENS]


def test_sums_go_on_and_an_event_counts_once() -> None:
    adding = meter(times=iter([5, 7, 9]))
    (first,) = adding.take([answered(1), answered(2)])[DURATION]
    assert (first.count, first.start, first.end) == (2, 5, 7)
    (same,) = adding.take([answered(1)])[DURATION]
    assert (same.count, same.end) == (2, 7)
    (same,) = adding.take([answered(2)])[DURATION]
    assert same.count == 2
    (more,) = adding.take([answered(3)])[DURATION]
    assert (more.count, more.start, more.end) == (3, 5, 9)


def test_differences_are_of_their_batch() -> None:
    adding = meter(delta=True, times=iter([5, 7, 9]))
    (first,) = adding.take([answered(1), answered(2)])[DURATION]
    assert (first.count, first.start, first.end) == (2, 5, 7)
    (part,) = adding.take([answered(2)])[DURATION]  # the batch was refused, and goes in parts
    assert (part.count, part.start, part.end) == (1, 5, 7)
    (more,) = adding.take([answered(3)])[DURATION]
    assert (more.count, more.start, more.end) == (1, 7, 9)


def test_labels_may_be_chosen_and_differ_from_no_request_to_the_next() -> None:
    series = meter().take([answered(1, end_user="x"), answered(2, end_user="y", ip="10.0.0.9", call_id="z")])
    (one,) = series[DURATION]
    labels = dict(one.attributes)
    assert labels["gen_ai.provider.name"] == labels["gen_ai.system"] == "openai"
    assert labels["metadata.user_api_key_team_id"] == "t"
    assert labels["gen_ai.framework"] == "litellm"
    (one,) = meter(included=frozenset({"gen_ai.system"})).take([answered()])[DURATION]
    assert one.attributes == (("gen_ai.system", "openai"),)
    (one,) = meter(excluded=frozenset({"gen_ai.system"})).take([answered()])[DURATION]
    assert "gen_ai.system" not in dict(one.attributes)
    _, wrong = meter().take([answered(1), failed(2)])[DURATION]
    assert dict(wrong.attributes)["error.type"] == "RateLimited"


def test_there_is_an_end_to_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "MOST_SERIES", 2)
    series = meter().take([answered(number, model=f"m{number}") for number in range(5)])[DURATION]
    assert [one.count for one in series] == [1, 1, 3]
    assert series[-1].attributes == OVERFLOW


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_buckets_hold_every_value(tokens: list[int]) -> None:
    events = [answered(number, prompt_tokens=count, completion_tokens=0) for number, count in enumerate(tokens)]
    found = meter().take(events).get(TOKENS, [])
    assert sum(one.count for one in found) == sum(count > 0 for count in tokens)
    for one in found:
        assert sum(one.buckets) == one.count
        assert one.total == sum(tokens)
        assert (one.least, one.most) == (min(filter(None, tokens)), max(tokens))
        exact = [sum(low < count <= high for count in tokens) for low, high in zip((0, *TOKENS.bounds), TOKENS.bounds)]  # noqa: B905
        assert one.buckets[:-1] == exact


def test_an_entry_without_tokens_measures_its_time_alone() -> None:
    event = answered(prompt_tokens=0, completion_tokens=0, cost=0)
    assert set(meter().take([event])) == {DURATION, RESPONSE}
