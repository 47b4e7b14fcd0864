"""From a catalogue entry to the price lists that a request finds: one a service tier and length of prompt.

The rules are those that users of LiteLLM's price map know: what has no price of its own goes by that of its side; a
long prompt makes the whole request dearer, output included; a batch is half where its price is not listed.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tianji._core.journal.meter import KINDS, Rates
from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji.accounting.prices.adjustments import NONE, Adjustment
from tianji.accounting.prices.exact import atto, mapping
from tianji.accounting.prices.fields import Figure, Prices, figures, tiers, unit_prices
from tianji.accounting.prices.hours import off_peak

BELIEVED: Final = frozenset({"openrouter", "perplexity", "xai", "litellm_proxy"})
"""Providers whose `usage` says what a request cost."""

_HALVES_CACHED: Final = "fireworks_ai"  # cached tokens cost half where nothing is listed
_INCLUSIVE: Final = "xai"  # a threshold holds for the very length already

_Levels = dict[str, dict[int, Prices]]  # by tier and by the prompt length they begin after
_Step = tuple[int, tuple[int, ...]]


def compile_rates(
    entry: Mapping[str, object],
    provider: str,
    *,
    adjustment: Adjustment = NONE,
    custom: bool = False,
    variant: str | None = None,
) -> Rates:
    """Return the prices of `entry` for `_core.journal.meter`. An empty entry costs nothing.

    `custom`: the operator wrote them, so that what the provider reports does not count. `variant`: see `unit_prices`.
    Raises ValueError for an entry that cannot be read.
    """
    hours = mapping(entry.get("off_peak_pricing"))

    def rates(block: Prices, cheaper: Rates | None = None, at: Callable[[int], bool] | None = None) -> Rates:
        return Rates(
            _steps(entry, provider, block, variant),
            factor=adjustment.factor,
            list_factor=adjustment.list_factor,
            fixed=adjustment.fixed if entry else 0,
            believes=provider in BELIEVED and not custom,
            known=bool(entry),
            off_peak=cheaper,
            off_peak_at=at,
        )

    if not hours:
        return rates({})
    return rates({}, rates({figure.kind: figure.price for figure in figures(hours)}), off_peak(hours))


def _steps(
    entry: Mapping[str, object], provider: str, block: Prices, variant: str | None
) -> tuple[tuple[_Step, ...], ...]:
    """Return the argument of Rates; `block` goes before the prices of the entry."""
    tiered = tiers(entry)
    levels = {"standard": dict(tiered)} if tiered else _levels(figures(entry, inclusive=provider == _INCLUSIVE))
    legacy = entry.get("input_cost_per_token_cache_hit")
    if legacy is not None:
        levels["standard"][-1].setdefault("cache_read", atto(legacy))
    made: list[tuple[_Step, ...]] = []
    for tier in TIERS_BY_NUMBER:
        own = levels.get(tier, {})
        if not own and tier not in ("standard", "batch"):
            made.append(())
            continue
        units = unit_prices(entry, variant or ("batches" if tier == "batch" else None))
        sheet: Prices = {}
        rows = []
        for above in sorted({*levels["standard"], *own}):
            sheet = (sheet if not tiered else {}) | _level(levels["standard"].get(above, {}), own.get(above, {}), tier)
            sheet |= _halves(block) if tier == "batch" else block
            rows.append((above, _row(sheet | units, halves_cached=provider == _HALVES_CACHED)))
        made.append(tuple(rows))
    return tuple(made)


def _levels(found: Iterable[Figure]) -> _Levels:
    levels: _Levels = {"standard": {-1: {}}}
    for figure in found:
        levels.setdefault(figure.tier, {}).setdefault(figure.above, {})[figure.kind] = figure.price
    return levels


def _level(standard: Prices, own: Prices, tier: str) -> Prices:
    """Put the prices of a tier before the standard ones; where a batch has none of its own, it costs half."""
    if tier == "standard":
        return standard
    merged = (_halves(standard) if tier == "batch" else standard) | own
    if "output" in own and "reasoning" not in own:  # who pays more for output does so for all of it
        merged["reasoning"] = own["output"]
    return merged


def _halves(prices: Prices) -> Prices:
    return {kind: (price + 1) // 2 for kind, price in prices.items()}


def _row(sheet: Prices, *, halves_cached: bool) -> tuple[int, ...]:
    """Return a price for each of KINDS: its own, or that of what it is a kind of."""
    given = sheet.get("input", 0)
    read = sheet.get("cache_read", (given + 1) // 2 if halves_cached else given)
    write = sheet.get("cache_write", given)
    made = sheet.get("output", 0) or sheet.get("output_image", 0)
    usual = dict.fromkeys(KINDS, 0)
    usual |= dict.fromkeys(("input", "input_audio", "input_image", "input_video"), given)
    usual |= dict.fromkeys(("cache_read", "cache_read_audio", "cache_read_image"), read)
    usual |= dict.fromkeys(("cache_write", "cache_write_1h"), write)
    usual |= dict.fromkeys(("output", "reasoning", "output_audio", "output_image", "output_video"), made)
    return tuple((usual | {kind: price for kind, price in sheet.items() if kind != "output"}).values())
