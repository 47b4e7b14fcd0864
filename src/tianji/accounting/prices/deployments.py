"""What a configured deployment costs: its own prices over those of the catalogue."""

import os
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji._core.journal.meter import Rates
from tianji.accounting.prices.adjustments import Markup, surcharge
from tianji.accounting.prices.catalogue import Catalogue, Entry
from tianji.accounting.prices.exact import ATTO, atto
from tianji.accounting.prices.fields import STRUCTURES, is_price
from tianji.accounting.prices.names import SHARP, VIDEOS, candidates, fits, picture_names, resolution_of, sharper
from tianji.accounting.prices.tables import compile_rates
from tianji.config.schema import ModelEntry
from tianji.errors import ConfigurationError
from tianji.providers.names import parse

TRAINING: Final = "training_cost_per_token"  # of a job that tunes a model; requests have nothing to do with it
_BASE: Final = ("input_cost_per_token", "output_cost_per_token")
_CACHE: Final = ("cache_read_input_token_cost", "cache_creation_input_token_cost")
_WHOLE: Final = ("tiered_pricing", "cost_per_second", "input_cost_per_second", "output_cost_per_second")
_KEPT: Final = 10_000  # price lists; clients choose the names of models behind a pattern
_FACTS: Final = frozenset({"max_tokens", "max_input_tokens", "max_output_tokens", "base_model", "mode"})
_REGIONS: Final = ("aws_region_name", "vertex_location", "vertex_ai_location")


class PriceList(Struct, frozen=True):
    """The prices of a deployment and where they come from.

    name: the catalogue's entry, None if there is none
    custom: the configuration has prices of its own
    version: of the catalogue
    facts: what else is known of the model (`max_output_tokens`, `base_model`, `supports_...`); the operator's word
        comes first
    """

    rates: Rates
    name: str | None
    custom: bool
    version: str
    facts: Entry


class PriceBook:
    """The price lists of one configuration, each made once; behind a pattern there is one for each model asked for."""

    def __init__(self, catalogue: Catalogue, markup: Markup) -> None:
        self._catalogue = catalogue
        self._markup = markup
        self._made: dict[tuple[str, str, str], PriceList] = {}

    def of(self, entry: ModelEntry, provider: str, model: str) -> PriceList:
        """Return `price_list` for these, from memory where it was asked for before."""
        key = entry.id, provider, model
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            found = self._made[key] = price_list(entry, provider, model, self._catalogue, self._markup)
        return found

    def listed(self, provider: str, model: str) -> Rates | None:
        """Return what the catalogue knows of a model that no deployment stands for; None where it does not know it."""
        key = "", provider, model
        if key not in self._made:
            found = self._catalogue.find(
                candidates(provider, model), lambda name, listed: fits(provider, name, listed.get("litellm_provider"))
            )
            if found is None:
                return None
            self._keep(key, found, provider, model)
        return self._made[key].rates

    def trained(self, entry: ModelEntry | None, provider: str, model: str) -> int | None:
        """Return atto-dollars for a token that a model is tuned with; None where nobody says.

        Raises ConfigurationError for what is no price.
        """
        if entry is None:
            found = self._catalogue.find(
                candidates(provider, model), lambda name, listed: fits(provider, name, listed.get("litellm_provider"))
            )
        else:
            found = _listed(entry, provider, model, self._catalogue)
        listed: Entry = {} if found is None else found[1]
        price = (entry.info.prices if entry else {}).get(TRAINING, listed.get(TRAINING))
        try:
            return None if price is None else atto(price)
        except ValueError as error:
            raise ConfigurationError(f"{TRAINING} of {model}: {error}") from error

    def of_picture(self, entry: ModelEntry, provider: str, model: str, quality: str, size: str) -> Rates | None:
        """Return what a picture costs that has a price of its own by its quality and size; None where it has none.

        What the operator wrote holds for all of them.
        """
        key = entry.id, provider, f"{quality}/{size}/{model}"
        if key not in self._made:
            found = (
                None
                if _own(entry)
                else self._catalogue.find(
                    picture_names(provider, model, quality, size),
                    lambda name, listed: fits(provider, name, listed.get("litellm_provider")),
                )
            )
            if found is None:
                return None
            self._keep(key, found, provider, model)
        return self._made[key].rates

    def of_video(self, entry: ModelEntry, provider: str, model: str, size: str) -> Rates:
        """Return what a video of a size, WIDTHxHEIGHT, costs; prices of a second are those of the video then."""
        key = entry.id, provider, f"video {size}/{model}"
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            resolution = resolution_of(size)
            if resolution == SHARP and not _own(entry) and _listed(entry, provider, sharper(model), self._catalogue):
                model = sharper(model)
            self._made[key] = price_list(
                entry, provider, model, self._catalogue, self._markup, mode=VIDEOS, variant=resolution
            )
        return self._made[key].rates

    def _keep(self, key: tuple[str, str, str], found: tuple[str, Entry], provider: str, model: str) -> None:
        if len(self._made) >= _KEPT:
            self._made.clear()
        adjustment = self._markup.adjustment(provider, model, surcharge({}, provider, None, None))
        rates = compile_rates(found[1], provider, adjustment=adjustment)
        rates.catalogue = self._catalogue.version
        self._made[key] = PriceList(rates, found[0], False, self._catalogue.version, {})


def price_list(
    entry: ModelEntry,
    provider: str,
    model: str,
    catalogue: Catalogue,
    markup: Markup,
    *,
    mode: str | None = None,
    variant: str | None = None,
) -> PriceList:
    """Return the prices of a deployment whose upstream is (provider, model), as `providers.names.parse` says.

    mode: the kind of model that it is asked as, where that is known; variant: see `unit_prices`

    Raises ConfigurationError for prices that cannot be applied, and if the catalogue cannot be read.
    """
    found = _listed(entry, provider, model, catalogue)
    listed: Entry = {} if found is None else found[1]
    own = _own(entry)
    try:
        whole = _over(listed, own) if own else listed
        if whole and (mode or entry.info.mode):
            whole = {**whole, "mode": mode or entry.info.mode}
        factor = surcharge(listed, provider, entry.params.api_base or entry.params.base_url, _region(entry))
        adjustment = markup.adjustment(provider, model, factor)
        rates = compile_rates(whole, provider, adjustment=adjustment, custom=bool(own), variant=variant)
    except ValueError as error:
        raise ConfigurationError(f"the price of model {entry.model_name} cannot be applied: {error}") from error
    rates.catalogue = catalogue.version
    facts = {name: value for name, value in {**listed, **entry.info.written}.items() if _is_fact(name)}
    return PriceList(rates, None if found is None else found[0], bool(own), catalogue.version, facts)


def _is_fact(name: str) -> bool:
    return name.startswith("supports_") or name in _FACTS


def token_price(entry: ModelEntry) -> float | None:
    """Return US dollars for an input and an output token together, None when nobody says: what routing compares.

    A price of 0 is a price. Raises ConfigurationError if the catalogue cannot be read.
    """
    own = _own(entry)
    listed: Entry = {}
    if not all(name in own for name in _BASE):
        provider, model = _upstream(entry)
        found = _listed(entry, provider, model, Catalogue.current(os.environ))
        listed = {} if found is None else found[1]
    prices = [own.get(name, listed.get(name)) for name in _BASE]
    if all(price is None for price in prices):
        return None
    try:
        return sum(0 if price is None else atto(price) for price in prices) / ATTO
    except ValueError as error:
        raise ConfigurationError(f"the price of model {entry.model_name} cannot be applied: {error}") from error


def listed_facts(entry: ModelEntry, provider: str, model: str, catalogue: Catalogue) -> Entry:
    """Return what is known of a deployment's model: the catalogue's entry, under the prices of its own.

    Raises ConfigurationError if the catalogue cannot be read.
    """
    found = _listed(entry, provider, model, catalogue)
    own = _own(entry)
    listed: Entry = {} if found is None else found[1]
    return _over(listed, own) if own else listed


def _upstream(entry: ModelEntry) -> tuple[str, str]:
    params = entry.params
    try:
        return parse(params.model, provider=params.custom_llm_provider, api_base=params.api_base or params.base_url)
    except ConfigurationError:  # it is nobody's, so its price is not known either
        return "", params.model


def _listed(entry: ModelEntry, provider: str, model: str, catalogue: Catalogue) -> tuple[str, Entry] | None:
    base = entry.info.base_model
    if base:
        found = catalogue.find([base, *candidates(provider, base)])
        if found is not None:
            return found
    return catalogue.find(
        candidates(provider, model, _region(entry)),
        lambda name, listed: fits(provider, name, listed.get("litellm_provider")),
    )


def _region(entry: ModelEntry) -> str | None:
    params = entry.params
    return next((str(value) for name in _REGIONS if (value := params.provider.get(name))), params.region_name)


def _own(entry: ModelEntry) -> Entry:
    written = {**entry.params.written, **entry.info.written}
    structures = {name: written[name] for name in STRUCTURES if written.get(name)}
    return {**{name: price for name, price in entry.info.prices.items() if name != TRAINING}, **structures}


def _over(listed: Entry, own: Mapping[str, object]) -> Entry:
    """Put the operator's prices before the catalogue's.

    Who sets the price of a token means it: what the catalogue knows of long prompts, service tiers and other kinds of
    token would bring the public price back. Only the usual price of the other side and those of cached tokens stay,
    and where a token costs nothing a cached one does so too. Who sets tiers, or a price of time, sets all.
    """
    facts = {name: value for name, value in listed.items() if not is_price(name)}
    if any(name in own for name in _BASE):
        facts |= {name: listed[name] for name in (*_BASE, *_CACHE) if name in listed}
        if own.get(_BASE[0]) == 0:
            facts |= dict.fromkeys(_CACHE, 0)
    elif not any(name in own for name in _WHOLE):
        facts = {**listed}
    return {**facts, **own}
