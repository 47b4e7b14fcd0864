"""The names of prices: which of them say what, for which service tier, from which length of prompt on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tianji.accounting.prices.exact import atto, mapping

TOKENS: Final = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_read_input_image_token_cost": "cache_read_image",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "input_cost_per_video_token": "input_video",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "output_cost_per_video_token": "output_video",
}
"""Prices of tokens and what they are for; each may have a variant for long prompts and one for a service tier."""

_FIELD: Final = re.compile(
    r"(?P<base>.+?)(?:_above_(?P<thousands>\d{1,9})k_tokens)?"
    r"(?:_(?P<tier>flex|priority|balanced|ultrafast|decisions|batches))?"
)
_SECOND: Final = 1000  # milliseconds
CREDIT: Final = 1000
"""Parts of a credit that are counted, since vendors bill parts of one."""
_UNITS: Final[tuple[tuple[str, int, tuple[str, ...]], ...]] = (  # kind, how many of it a price is for, fields by rank
    ("requests", 1, ("input_cost_per_request",)),
    ("queries", 1, ("input_cost_per_query",)),
    ("input_characters", 1, ("input_cost_per_character",)),
    ("output_characters", 1, ("output_cost_per_character",)),
    ("input_pictures", 1, ("input_cost_per_image",)),
    ("output_pictures", 1, ("output_cost_per_image",)),
    ("pixels", 1, ("input_cost_per_pixel", "output_cost_per_pixel")),
    ("milliseconds", _SECOND, ("cost_per_second", "input_cost_per_second", "output_cost_per_second")),
    ("input_audio_milliseconds", _SECOND, ("input_cost_per_audio_per_second",)),
    ("input_video_milliseconds", _SECOND, ("input_cost_per_video_per_second",)),
    ("output_video_milliseconds", _SECOND, ("output_cost_per_video_per_second",)),
    ("pages", 1, ("ocr_cost_per_page",)),
    ("annotated_pages", 1, ("annotation_cost_per_page", "ocr_cost_per_page")),
    ("credits", CREDIT, ("ocr_cost_per_credit",)),
    ("text_messages", 1, ("input_cost_per_text_message",)),
)
_BY_MODE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {  # where the kind of model decides which field it is
    "audio_transcription": {"milliseconds": ("output_cost_per_second", "input_cost_per_second", "cost_per_second")},
    "image_generation": {"input_pictures": (), "output_pictures": ("input_cost_per_image", "output_cost_per_image")},
    "video_generation": {
        "milliseconds": (),
        "output_video_milliseconds": ("output_cost_per_video_per_second", "output_cost_per_second"),
    },
}
_SEARCHES: Final = {
    "web_searches_low": "search_context_size_low",
    "web_searches": "search_context_size_medium",
    "web_searches_high": "search_context_size_high",
}
STRUCTURES: Final = frozenset({"tiered_pricing", "search_context_cost_per_query", "off_peak_pricing"})

Prices = dict[str, int]
"""Atto-dollars by kind, as `_core.journal.meter` names kinds."""


class Figure(Struct, frozen=True):
    """A price of tokens: `above` is the prompt length it begins after, -1 for every length."""

    kind: str
    above: int
    tier: str
    price: int


def figures(entry: Mapping[str, object], *, inclusive: bool = False) -> Iterator[Figure]:
    """Yield the prices of tokens in a catalogue entry or the like. Raises ValueError for one that is no price.

    `inclusive`: a threshold's price holds for a prompt of just that length already (xAI).
    """
    for name, value in entry.items():
        found = _FIELD.fullmatch(name)
        if found is None or found["base"] not in TOKENS or value is None:
            continue
        above = int(found["thousands"]) * 1000 - inclusive if found["thousands"] else -1
        tier = "batch" if found["tier"] == "batches" else found["tier"] or "standard"
        yield Figure(TOKENS[found["base"]], above, tier, _price(entry, name) or 0)


def unit_prices(entry: Mapping[str, object], variant: str | None = None) -> Prices:
    """Return the prices of what is no token. `variant` is a size or a resolution, such as 2K or 1080p, with its own."""
    mode = _BY_MODE.get(str(entry.get("mode")), {})
    found: Prices = {}
    for kind, units, usual in _UNITS:
        names = mode.get(kind, usual)
        ranked = [*(f"{name}_{variant}" for name in names if variant), *names]
        prices = [price for name in ranked if (price := _price(entry, name, units)) is not None]
        if prices:
            found[kind] = next((price for price in prices if price), 0)
    searches = mapping(entry.get("search_context_cost_per_query"))
    found |= {kind: _price(searches, name) or 0 for kind, name in _SEARCHES.items() if searches}
    return found


def tiers(entry: Mapping[str, object]) -> list[tuple[int, Prices]]:
    """Return `tiered_pricing` as (prompt length above which it holds, prices), ascending, the first from 0 on.

    Tiers by the number of search results are no prices of tokens and left out.
    """
    rows = entry.get("tiered_pricing")
    found: list[tuple[int, Prices]] = []
    for row in map(mapping, rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ()):
        limits = row.get("range")
        if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
            continue
        found.append((int(float(str(limits[0]))), {figure.kind: figure.price for figure in figures(row)}))
    found.sort(key=lambda pair: pair[0])
    return [(above if index else -1, prices) for index, (above, prices) in enumerate(found)]


def is_price(name: str) -> bool:
    """Whether a member of a catalogue entry says what something costs."""
    return name in STRUCTURES or "_cost" in name or name.startswith("cost_per_") or name.endswith("_multiplier")


def _price(entry: Mapping[str, object], name: str, units: int = 1) -> int | None:
    value = entry.get(name)
    try:
        return None if value is None else atto(value, units)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
