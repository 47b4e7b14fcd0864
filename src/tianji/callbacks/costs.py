"""What the cost of an event is made of, by the names of LiteLLM's log events, and at which prices. US dollars."""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from tianji.ledger.entry import SUCCESS, Entry, Factor
from tianji.money import NANOS

_PARTS: Final = {
    "cache_read": "cache_read_cost", "cache_read_audio": "cache_read_cost", "cache_read_image": "cache_read_cost",
    "cache_write": "cache_creation_cost", "cache_write_1h": "cache_creation_cost", "reasoning": "reasoning_cost",
    "web_searches_low": "tool_usage_cost", "web_searches": "tool_usage_cost",
    "web_searches_high": "tool_usage_cost", "input": "input_cost", "input_audio": "input_cost",
    "input_image": "input_cost", "input_video": "input_cost", "input_characters": "input_cost",
    "input_pictures": "input_cost", "input_audio_milliseconds": "input_cost",
    "input_video_milliseconds": "input_cost", "output": "output_cost", "output_audio": "output_cost",
    "output_image": "output_cost", "output_video": "output_cost", "output_characters": "output_cost",
    "output_pictures": "output_cost", "pixels": "output_cost", "output_video_milliseconds": "output_cost",
}  # fmt: skip
_NAMES: Final = {  # of prices, as LiteLLM's map calls them
    "input": "input_cost_per_token", "output": "output_cost_per_token", "reasoning": "output_cost_per_reasoning_token",
    "cache_read": "cache_read_input_token_cost", "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr", "input_audio": "input_cost_per_audio_token",
    "output_audio": "output_cost_per_audio_token", "input_image": "input_cost_per_image_token",
    "output_image": "output_cost_per_image_token", "requests": "input_cost_per_request",
    "queries": "input_cost_per_query", "input_pictures": "input_cost_per_image",
    "output_pictures": "output_cost_per_image", "pixels": "output_cost_per_pixel",
    "input_characters": "input_cost_per_character", "output_characters": "output_cost_per_character",
    "pages": "ocr_cost_per_page", "annotated_pages": "annotation_cost_per_page",
}  # fmt: skip
REMEMBERED: Final = 1024  # prices of models
_ATTO: Final = 1e18
_UNCHANGED: Final = (1, 1, 0)
MISSING: Final = ("input_cost_per_token", "output_cost_per_token")


class Breakdown(Struct, frozen=True, omit_defaults=True):
    """The parts of a cost at list prices, which add up to `original_cost`, and what makes `total_cost` of it.

    Parts that there are not are not told. additional_costs: what else is paid for, by its kind; discount and margin: of
    the operator's, as a part of 1
    """

    input_cost: float
    output_cost: float
    original_cost: float
    total_cost: float
    cache_read_cost: float = 0.0
    cache_creation_cost: float = 0.0
    reasoning_cost: float = 0.0
    tool_usage_cost: float = 0.0
    additional_costs: dict[str, float] = {}
    discount_percent: float = 0.0
    discount_amount: float = 0.0
    margin_percent: float = 0.0
    margin_fixed_amount: float = 0.0
    margin_total_amount: float = 0.0


class PriceEntry(Struct, frozen=True):
    """What a cost was reckoned by. model_map_value: the prices that counted, for one of each; None: it has none."""

    model_map_key: str
    model_map_value: dict[str, float] | None


class Unpriced(Struct, frozen=True):
    """Why what was used is told to cost nothing."""

    reason: str
    pricing_model: str
    missing_pricing_keys: tuple[str, ...]


def breakdown(entry: Entry) -> Breakdown | None:
    """Return what the cost of an entry is made of; None where nothing of it has a price."""
    if not entry.items:
        return None
    ours, listed = entry.factors or (_UNCHANGED, _UNCHANGED)
    known = {"input_cost": 0.0, "output_cost": 0.0}
    more: dict[str, float] = {}
    for kind, quantity, price in entry.items:
        amount = quantity * price / _ATTO * listed[0] / listed[1]
        part = _PARTS.get(kind)
        if part is None:
            more[kind] = more.get(kind, 0.0) + amount
        else:
            known[part] = known.get(part, 0.0) + amount
    original = sum(known.values()) + sum(more.values())
    changes: dict[str, float] = {}
    if ours != listed and not entry.reported:
        change, fixed = _change(ours, listed), ours[2] / NANOS
        less, extra = max(0.0, -change), max(0.0, change)
        changes = {"discount_percent": less, "discount_amount": less * original, "margin_percent": extra,
                   "margin_fixed_amount": fixed, "margin_total_amount": extra * original + fixed}  # fmt: skip
    return Breakdown(original_cost=original, total_cost=entry.cost / NANOS, additional_costs=more, **known, **changes)


def _change(ours: Factor, listed: Factor) -> float:
    """Return what the operator's factor makes more of a list price; negative: less."""
    return ours[0] * listed[1] / (ours[1] * listed[0]) - 1 if listed[0] else 0.0


def price_entry(entry: Entry) -> bytes:
    """Return what an entry was reckoned by, a `PriceEntry` as JSON."""
    return _priced(entry.provider, entry.model, tuple([(kind, price) for kind, _, price in entry.items]))


@lru_cache(REMEMBERED)
def _priced(provider: str, model: str, prices: tuple[tuple[str, int], ...]) -> bytes:
    values = {_NAMES.get(kind, kind): price / _ATTO for kind, price in prices}
    return msgspec.json.encode(PriceEntry(f"{provider}/{model}" if provider else model, values or None))


def unpriced(entry: Entry) -> Unpriced | None:
    """Return why an answer costs nothing that used something; None for any other."""
    if entry.items or entry.cache_hit or not entry.total_tokens or entry.status != SUCCESS or not entry.paid:
        return None
    return Unpriced("missing_pricing_key", f"{entry.provider}/{entry.model}", MISSING)
