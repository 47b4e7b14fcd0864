"""Which price a configured deployment has: what its entry says, then its base model, then its own name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import cost
from tianji._core.streams.usage import Usage, estimated_usage, read_usage
from tianji.accounting.prices.adjustments import Markup
from tianji.accounting.prices.catalogue import Catalogue, write
from tianji.accounting.prices.deployments import PriceBook, PriceList, price_list, token_price
from tianji.config import load
from tianji.config.schema import ModelEntry
from tianji.errors import ConfigurationError
from tianji.providers.names import parse

PEAK = 1_795_399_200  # Monday, 23 November 2026, 02:00 UTC
Configured = Callable[..., ModelEntry]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    def make(model: str, info: dict[str, Any] | None = None, **params: Any) -> ModelEntry:
        entry = {"model_name": "m", "litellm_params": {"model": model, "api_key": "k", **params}}
        file = tmp_path / "config.yaml"
        file.write_bytes(msgspec.yaml.encode({"model_list": [{**entry, "model_info": info or {}}]}))
        (found,) = load(file, {}).config.model_list
        return found

    return make


def listed(entry: ModelEntry, markup: Markup | None = None) -> PriceList:
    provider, model = parse(entry.params.model, api_base=entry.params.api_base)
    return price_list(entry, provider, model, Catalogue(), markup or Markup())


def used(text: str) -> Usage:
    usage = read_usage(scan(f'{{"usage":{text}}}'.encode()))
    assert usage is not None
    return usage


def price(entry: ModelEntry, usage: Usage | None = None) -> int:
    """Nano-dollars of 1000 prompt tokens and 100 completion tokens."""
    return cost(listed(entry).rates, usage or estimated_usage(1000, 100), PEAK)


CACHED = '{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}'
WRITTEN = '{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cache_write_tokens":400}}'


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("azure/gpt-4o", "azure/gpt-4o"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("openai/ft:gpt-4o-mini-2024-07-18:acme::id", "ft:gpt-4o-mini-2024-07-18"),
        ("openai/gpt-4o-2031-01-31", "gpt-4o"),
        ("hosted_vllm/gpt-4o", None),
        ("openai/nobody-knows-this", None),
    ],
)
def test_the_entry_that_is_found(configured: Configured, model: str, name: str | None) -> None:
    found = listed(configured(model, api_base="http://127.0.0.1:9"))
    assert (found.name, found.custom, found.rates.known) == (name, False, name is not None)
    assert found.version == Catalogue().version


def test_the_base_model_goes_first(configured: Configured) -> None:
    assert listed(configured("azure/my-own-name", {"base_model": "azure/gpt-4o"})).name == "azure/gpt-4o"
    assert listed(configured("azure/my-own-name", {"base_model": "gpt-4o-mini"})).name == "gpt-4o-mini"
    assert listed(configured("openai/gpt-4o", {"base_model": "no such"})).name == "gpt-4o"


def test_own_prices_in_either_place_replace_the_public_ones(configured: Configured) -> None:
    own = {"input_cost_per_token": 1e-6, "output_cost_per_token": "2e-6"}
    for entry in (configured("openai/gpt-4o", **own), configured("openai/gpt-4o", own)):
        assert price(entry) == 1_200_000
        assert listed(entry).custom
    both = configured("openai/gpt-4o", {"input_cost_per_token": 3e-6}, **own)
    assert price(both) == 3_200_000, "model_info goes first"


def test_an_own_price_keeps_the_cache_prices_and_the_other_side(configured: Configured) -> None:
    entry = configured("openai/gpt-4o", input_cost_per_token=2e-6)
    assert price(entry) == 2_000_000 + 100 * 10_000
    assert price(entry, used(CACHED)) == 600 * 2_000 + 400 * 1_250 + 100 * 10_000


def test_an_own_price_brings_no_public_variant_back(configured: Configured) -> None:
    entry = configured("openai/gpt-5.4", input_cost_per_token=1e-6, output_cost_per_token=1e-6)
    assert price(entry, estimated_usage(300_000, 0)) == 300_000_000
    rates = listed(entry).rates
    assert cost(rates, used('{"prompt_tokens":1000,"service_tier":"priority"}'), PEAK) == 1_000_000


def test_what_is_free_is_free_when_it_is_cached(configured: Configured) -> None:
    entry = configured("openai/gpt-4o", input_cost_per_token=0, output_cost_per_token=0)
    assert price(entry, used(CACHED)) == 0
    assert listed(entry).rates.known


def test_another_own_price_stands_beside_the_public_ones(configured: Configured) -> None:
    entry = configured("anthropic/claude-sonnet-4-5", cache_creation_input_token_cost=5e-6)
    assert price(entry, used(WRITTEN)) == 600 * 3_000 + 400 * 5_000 + 100 * 15_000


def test_own_tiers_and_a_price_of_time_replace_all(configured: Configured) -> None:
    tiers = [
        {"range": [0, 500], "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
        {"range": [500, 9000], "input_cost_per_token": 2e-6, "output_cost_per_token": 3e-6},
    ]
    assert price(configured("openai/gpt-4o", tiered_pricing=tiers)) == 2_300_000
    assert price(configured("openai/gpt-4o", tiered_pricing=tiers), estimated_usage(500, 0)) == 500_000
    assert price(configured("openai/gpt-4o", tiered_pricing=tiers), estimated_usage(99_999, 0)) == 199_998_000
    assert price(configured("openai/gpt-4o", input_cost_per_second=0.001)) == 0, "until somebody says how long"


def test_a_reported_cost_counts_unless_the_price_is_the_operators(configured: Configured) -> None:
    usage = used('{"prompt_tokens":1000,"completion_tokens":100,"cost":0.5}')
    assert price(configured("openrouter/openai/gpt-4o"), usage) == 500_000_000
    own = configured("openrouter/openai/gpt-4o", input_cost_per_token=1e-6, output_cost_per_token=1e-6)
    assert price(own, usage) == 1_100_000
    assert price(configured("openai/gpt-4o"), usage) == 3_500_000


def test_prices_are_exact_whatever_a_float_makes_of_them(configured: Configured) -> None:
    entry = configured("openai/x", input_cost_per_token=1.25e-08, output_cost_per_token=0.1 + 0.2)
    assert price(entry, estimated_usage(2, 0)) == 25
    entry = configured("openai/x", input_cost_per_token="0.000000000300000001", output_cost_per_token=0)
    assert price(entry, estimated_usage(10**9, 0)) == 300_000_001


def test_places_have_their_surcharge(configured: Configured) -> None:
    plain, europe = configured("openai/gpt-5.4"), configured("openai/gpt-5.4", api_base="https://eu.api.openai.com/v1")
    factor = Catalogue().find(["gpt-5.4"])[1]["regional_processing_uplift_multiplier_eu"]  # type: ignore[index]
    assert price(europe) == price(plain) * factor  # type: ignore[operator]
    assert price(europe) > price(plain)


def test_a_book_makes_each_list_once_and_one_for_each_model_of_a_pattern(configured: Configured) -> None:
    entry = configured("openai/*")
    book = PriceBook(Catalogue(), Markup())
    first = book.of(entry, "openai", "gpt-4o")
    assert first.name == "gpt-4o"
    assert book.of(entry, "openai", "gpt-4o") is first
    assert book.of(entry, "openai", "gpt-4o-mini").name == "gpt-4o-mini"


def test_discount_and_margin_are_by_provider(configured: Configured) -> None:
    markup = Markup({"openai": 0.5, "anthropic/*": 0.25}, {"anthropic": 1, "global": {"fixed_amount": 1e-9}})
    openai = listed(configured("openai/gpt-4o"), markup).rates
    assert cost(openai, estimated_usage(1000, 0), PEAK) == 1_250_001
    anthropic = listed(configured("anthropic/claude-sonnet-4-5"), markup).rates
    assert cost(anthropic, estimated_usage(1000, 0), PEAK) == 4_500_000


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        (Markup({"openai": 1.5}), "0.05 for 5 %"),
        (Markup({"openai": -1}), "negative"),
        (Markup({"openai": "much"}), "expected a fraction"),
        (Markup({}, {"openai": {"percentage": -0.1}}), "negative"),
        (Markup({}, {"openai": {"fixed_amount": -1}}), "fixed_amount must not be negative"),
        (Markup({}, {"openai": 0.123456789012345}), "too many digits"),
    ],
)
def test_a_markup_that_cannot_be_applied(configured: Configured, markup: Markup, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        listed(configured("openai/gpt-4o"), markup)


def test_a_price_of_a_million_tokens_is_refused(configured: Configured) -> None:
    with pytest.raises(ConfigurationError, match=r"model m .*input_cost_per_token: .* price of one token"):
        listed(configured("openai/gpt-4o", input_cost_per_token=25))
    with pytest.raises(ConfigurationError, match="must not be negative"):
        listed(configured("openai/gpt-4o", input_cost_per_token=-1))


@pytest.mark.parametrize(
    ("model", "params", "dollars"),
    [
        ("openai/gpt-4o", {}, 1.25e-05),
        ("openai/nobody-knows-this", {}, None),
        ("openai/gpt-4o", {"input_cost_per_token": 0, "output_cost_per_token": 0}, 0),
        ("openai/gpt-4o", {"input_cost_per_token": 0}, 1e-05),
        ("openai/nobody-knows-this", {"input_cost_per_token": 1e-6}, 1e-6),
    ],
)
def test_the_price_that_routing_compares(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, model: str, params: Any, dollars: float | None
) -> None:
    monkeypatch.delenv("TIANJI_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/nonexistent")
    assert token_price(configured(model, **params)) == dollars


def test_routing_reads_the_installed_catalogue(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIANJI_DATA_DIR", str(tmp_path))
    write({"new": {"litellm_provider": "openai", "input_cost_per_token": 1}}, "9", tmp_path / "prices.json")
    assert token_price(configured("openai/new")) == 1
    assert token_price(configured("openai/gpt-4o")) is None
