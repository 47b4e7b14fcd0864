"""Money is integers: nothing is lost, nothing overflows, and what is reserved is enough."""

import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import cycle, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import KINDS, MOST, UNITS, Measures, Rates, cost, dollars, estimate, list_cost
from tianji._core.streams.usage import TIERS_BY_NUMBER, Usage, estimated_usage, read_usage
from tianji.accounting.prices.explain import explain_cost

TIERS = len(TIERS_BY_NUMBER)
TOKENS = len(KINDS) - len(UNITS)
PRICES = st.integers(0, 2**64 - 1) | st.integers(0, 10**14)
COUNTS = st.integers(0, 2**53) | st.integers(0, 10**6)
DETAILS = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "video_tokens"),
    "completion_tokens_details": ("reasoning_tokens", "audio_tokens", "image_tokens", "video_tokens"),
}


@st.composite
def rates(draw: st.DrawFn, *, rising: bool = False) -> Rates:
    """Prices of one to three steps for some tiers; `rising`: longer prompts are not cheaper."""
    tiers = []
    for tier in range(TIERS):
        rows = []
        if tier == 0 or draw(st.booleans()):
            for above in [-1, *sorted(draw(st.sets(st.integers(0, 300_000), max_size=2)))]:
                row = list(islice(cycle(draw(st.lists(PRICES, min_size=5, max_size=5))), len(KINDS)))
                if rising and rows:
                    row = [max(pair) for pair in zip(row, rows[-1][1], strict=True)]
                rows.append((above, tuple(row)))
        tiers.append(tuple(rows))
    parts = st.integers(1, 2**40) | st.integers(1, 1000)
    return Rates(
        tuple(tiers),
        factor=(draw(parts), draw(parts)),
        list_factor=(draw(parts), draw(parts)),
        fixed=draw(st.integers(0, MOST)),
        believes=draw(st.booleans()),
    )


@st.composite
def usages(draw: st.DrawFn, prompt: int = 2**53, completion: int = 2**53) -> Usage:
    counts: dict[str, Any] = {
        "prompt_tokens": draw(st.integers(0, prompt)),
        "completion_tokens": draw(st.integers(0, completion)),
    }
    for name, parts in DETAILS.items():
        counts[name] = {part: draw(COUNTS) for part in parts if draw(st.booleans())}
    return usage_of(counts)


def usage_of(counts: Mapping[str, object], **beside: object) -> Usage:
    usage = read_usage(scan(json.dumps({"usage": counts, **beside}).encode()))
    assert usage is not None
    return usage


def flat(**prices: int) -> Rates:
    """One list of prices for everything."""
    row = tuple(prices.get(kind, 0) for kind in KINDS)
    return Rates((((-1, row),), *((),) * (TIERS - 1)))


measures = st.none() | st.dictionaries(st.sampled_from(UNITS), COUNTS).map(lambda counts: Measures(**counts))


@given(rates(), usages(), measures, st.integers(0, TIERS - 1))
def test_the_cost_is_what_its_explanation_adds_up_to(
    rates: Rates, usage: Usage, measures: Measures | None, tier: int
) -> None:
    explained = explain_cost(rates, usage, 0, measures, tier)
    assert cost(rates, usage, 0, measures, tier) == explained.total
    assert list_cost(rates, usage, 0, measures, tier) == explained.list_total
    assert 0 <= explained.total <= MOST


@given(rates(), usages())
def test_every_token_is_billed_once(rates: Rates, usage: Usage) -> None:
    items = {kind: count for kind, count, _ in rates.itemized(usage, 0)}
    prompt, completion = KINDS[: KINDS.index("output")], KINDS[KINDS.index("output") : TOKENS]
    assert sum(items.get(kind, 0) for kind in prompt) == usage.prompt_tokens
    assert sum(items.get(kind, 0) for kind in completion) == usage.completion_tokens


@given(rates(), st.data())
def test_what_is_reserved_is_enough(rates: Rates, data: st.DataObject) -> None:
    prompt, completion = data.draw(COUNTS), data.draw(COUNTS)
    tier = data.draw(st.integers(0, TIERS - 1))
    units = data.draw(measures)
    usage = data.draw(usages(prompt, completion))
    assert estimate(rates, prompt, completion, units, tier) >= cost(rates, usage, 0, units, tier)


@given(rates(rising=True), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(rates: Rates, prompt: int, completion: int, more: int) -> None:
    least = cost(rates, estimated_usage(prompt, completion), 0)
    assert least <= cost(rates, estimated_usage(prompt + more, completion), 0)
    assert least <= cost(rates, estimated_usage(prompt, completion + more), 0)


@given(st.integers(0, 10**14), st.integers(0, 10**14), st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=8))
def test_rounding_never_adds_up_to_more_than_half_a_nano_dollar_a_request(
    given: int, made: int, requests: list[tuple[int, int]]
) -> None:
    rates = flat(input=given, output=made)
    parts = [(p % 10**6, c % 10**6) for p, c in requests]
    exact = Fraction(sum(p * given + c * made for p, c in parts), 10**9)
    assert abs(sum(cost(rates, estimated_usage(p, c), 0) for p, c in parts) - exact) <= Fraction(len(parts), 2)


def test_halves_are_rounded_up_and_only_at_the_end() -> None:
    assert cost(flat(input=499_999_999), estimated_usage(1, 0), 0) == 0
    assert cost(flat(input=500_000_000), estimated_usage(1, 0), 0) == 1
    assert cost(flat(input=100_000_000), estimated_usage(5, 0), 0) == 1, "five tenths are rounded together"
    row = tuple(10**9 if kind == "input" else 0 for kind in KINDS)
    half = Rates((((-1, row),), *((),) * (TIERS - 1)), factor=(1, 2))
    assert [cost(half, estimated_usage(count, 0), 0) for count in (1, 2, 3)] == [1, 1, 2]
    assert cost(flat(input=2**63 + 500_000_000), estimated_usage(2, 0), 0) == (2**64 + 10**9 + 5 * 10**8) // 10**9


def test_the_largest_figures_are_clamped() -> None:
    most = flat(**dict.fromkeys(KINDS, 2**64 - 1))
    assert cost(most, estimated_usage(2**53, 2**53), 0, Measures(**dict.fromkeys(UNITS, 2**80))) == MOST
    assert estimate(most, 2**63 - 1, 2**63 - 1) == MOST
    whole = Rates(
        (((-1, (2**64 - 1,) * len(KINDS)),), *((),) * (TIERS - 1)), factor=(2**40, 1), fixed=MOST, believes=True
    )
    assert cost(whole, usage_of({"prompt_tokens": 2**53, "completion_tokens": 2**53}), 0) == MOST
    assert cost(whole, usage_of({"cost": 999999}), 0) == MOST
    assert explain_cost(whole, usage_of({"cost": 999999}), 0).total == MOST


def test_a_reported_cost_counts_where_it_is_believed() -> None:
    row = tuple(10**12 if kind == "input" else 0 for kind in KINDS)
    steps = (((-1, row),), *((),) * (TIERS - 1))
    usage = usage_of({"prompt_tokens": 1000, "cost": 0.25})
    assert cost(Rates(steps), usage, 0) == 10**6
    believing = Rates(steps, believes=True, factor=(9, 10))
    assert cost(believing, usage, 0) == 225_000_000
    assert list_cost(believing, usage, 0) == 250_000_000
    assert explain_cost(believing, usage, 0).total == 225_000_000
    assert cost(believing, usage_of({"prompt_tokens": 1000}), 0) == 9 * 10**5


def test_no_usage_is_one_request() -> None:
    rates = flat(requests=5_000_000_000, input=10**9)
    assert cost(rates, None, 0) == 5
    assert cost(rates, None, 0, Measures(requests=3)) == 15


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ((), {}),
        (((),) * TIERS, {}),
        ((((-1, (1,)),), *((),) * (TIERS - 1)), {}),
        ((((5, (0,) * len(KINDS)),), *((),) * (TIERS - 1)), {}),
        ((((-1, (-1,) * len(KINDS)),), *((),) * (TIERS - 1)), {}),
        ((((-1, (2**64,) * len(KINDS)),), *((),) * (TIERS - 1)), {}),
        ((((-1, (0,) * len(KINDS)), (9, (0,) * len(KINDS)), (9, (0,) * len(KINDS))), *((),) * (TIERS - 1)), {}),
        ((((-1, (0,) * len(KINDS)),), *((),) * (TIERS - 1)), {"factor": (1, 0)}),
        ((((-1, (0,) * len(KINDS)),), *((),) * (TIERS - 1)), {"factor": (-1, 1)}),
        ((((-1, (0,) * len(KINDS)),), *((),) * (TIERS - 1)), {"factor": (2**40 + 1, 1)}),
        ((((-1, (0,) * len(KINDS)),), *((),) * (TIERS - 1)), {"fixed": -1}),
    ],
)
def test_rates_out_of_bounds_are_refused(steps: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|must|out of bounds"):
        Rates(steps, **options)


@pytest.mark.parametrize("counts", [{"input": 1}, {"nothing": 1}, {"pages": -1}])
def test_measures_are_units_of_their_own(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected a count"):
        Measures(**counts)


@given(st.integers(-(2**63), 2**63 - 1))
def test_dollars_are_exact(nano: int) -> None:
    text = dollars(nano).decode()
    assert Decimal(text).scaleb(9) == nano
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith(("0", "."))
    assert text.lstrip("-").startswith("0.") or not text.lstrip("-").startswith("0") or text == "0"
