"""Names, hours and figures, each rule by itself."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.accounting.prices.adjustments import surcharge
from tianji.accounting.prices.exact import ATTO, atto, decimal
from tianji.accounting.prices.fields import figures, tiers, unit_prices
from tianji.accounting.prices.hours import off_peak
from tianji.accounting.prices.names import candidates, fits


@pytest.mark.parametrize(
    ("value", "units", "expected"),
    [
        (1.25e-08, 1, 12_500_000_000),
        ("1.25e-08", 1, 12_500_000_000),
        (Decimal("1e-18"), 1, 1),
        (Decimal("5e-19"), 1, 1),
        (Decimal("4.9e-19"), 1, 0),
        (0.1, 1, 10**17),
        (3, 1, 3 * ATTO),
        (" 0.006 ", 1000, 6 * 10**12),
        (0, 1, 0),
    ],
)
def test_a_price_in_atto_dollars(value: object, units: int, expected: int) -> None:
    assert atto(value, units) == expected


@pytest.mark.parametrize(
    "value", [-1, "-0.1", float("nan"), "NaN", float("inf"), "1e999999", "x", None, True, [], 18.1]
)
def test_what_is_no_price(value: object) -> None:
    with pytest.raises(ValueError, match=r"dollars|negative"):
        atto(value)


@given(st.decimals(0, 18, places=15))
def test_what_was_written_is_what_counts(price: Decimal) -> None:
    assert atto(str(price)) == Fraction(price) * ATTO
    if len(price.as_tuple().digits) <= 15:
        assert atto(float(price)) == Fraction(price) * ATTO
    assert decimal(price) == price


def test_names_of_prices() -> None:
    found = {
        (figure.kind, figure.above, figure.tier): figure.price
        for figure in figures(
            {
                "input_cost_per_token": 1e-18,
                "input_cost_per_token_above_200k_tokens": 2e-18,
                "input_cost_per_token_above_200k_tokens_priority": 3e-18,
                "output_cost_per_token_batches": 4e-18,
                "cache_creation_input_token_cost_above_1hr": 5e-18,
                "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 6e-18,
                "output_cost_per_token_tomorrow": 7e-18,
                "max_tokens": 8,
                "output_cost_per_token": None,
            }
        )
    }
    assert found == {
        ("input", -1, "standard"): 1,
        ("input", 200_000, "standard"): 2,
        ("input", 200_000, "priority"): 3,
        ("output", -1, "batch"): 4,
        ("cache_write_1h", -1, "standard"): 5,
        ("cache_write_1h", 100_000, "standard"): 6,
    }
    assert [figure.above for figure in figures({"input_cost_per_token_above_1k_tokens": 1}, inclusive=True)] == [999]


def test_tiers_that_are_not_of_tokens_are_left_out() -> None:
    rows = [{"max_results_range": [0, 25], "input_cost_per_query": 1}, {"range": [5]}, {"range": "10"}]
    assert tiers({"tiered_pricing": rows}) == []
    assert tiers({"tiered_pricing": "none"}) == []


@pytest.mark.parametrize(
    ("entry", "variant", "expected"),
    [
        (
            {"mode": "audio_transcription", "input_cost_per_second": 2, "output_cost_per_second": 1},
            None,
            {"milliseconds": 1},
        ),
        (
            {"mode": "audio_transcription", "input_cost_per_second": 2, "output_cost_per_second": 0},
            None,
            {"milliseconds": 2},
        ),
        ({"mode": "chat", "input_cost_per_second": 2, "cost_per_second": 3}, None, {"milliseconds": 3}),
        ({"output_cost_per_image": 1, "output_cost_per_image_2K": 2}, "2K", {"output_pictures": 2000}),
        ({"output_cost_per_image": 1, "output_cost_per_image_2K": 2}, "4K", {"output_pictures": 1000}),
        ({"ocr_cost_per_page": 4, "ocr_cost_per_page_batches": 2}, "batches", {"pages": 2000, "annotated_pages": 2000}),
        ({"mode": "image_generation", "input_cost_per_image": 1}, None, {"output_pictures": 1000}),
        ({"mode": "chat", "input_cost_per_image": 1}, None, {"input_pictures": 1000}),
    ],
)
def test_prices_of_other_units(entry: dict[str, object], variant: str | None, expected: dict[str, int]) -> None:
    found = unit_prices(entry, variant)
    assert {kind: price * 1000 // ATTO for kind, price in found.items()} == expected


@pytest.mark.parametrize(
    ("provider", "model", "region", "first", "among"),
    [
        ("openai", "gpt-4o", None, "openai/gpt-4o", "gpt-4o"),
        ("openai", "openai/gpt-4o", None, "openai/gpt-4o", "gpt-4o"),
        (
            "bedrock",
            "converse/us.anthropic.claude-x",
            "us-east-1",
            "bedrock/us-east-1/us.anthropic.claude-x",
            "anthropic.claude-x",
        ),
        ("bedrock", "us.anthropic.claude-x", None, "bedrock/us.anthropic.claude-x", "us.anthropic.claude-x"),
        ("openai", "ft:gpt-4o-2024-08-06:a:b:c", None, "openai/ft:gpt-4o-2024-08-06:a:b:c", "ft:gpt-4o-2024-08-06"),
        ("openai", "gpt-9-2031-12-24", None, "openai/gpt-9-2031-12-24", "gpt-9"),
        ("anthropic", "claude-9-20311224", None, "anthropic/claude-9-20311224", "claude-9"),
        ("litellm_proxy", "team/azure/gpt-4o", None, "litellm_proxy/team/azure/gpt-4o", "azure/gpt-4o"),
    ],
)
def test_candidates(provider: str, model: str, region: str | None, first: str, among: str) -> None:
    found = list(candidates(provider, model, region))
    assert found[0] == first
    assert among in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("provider", "name", "by", "whose"),
    [
        ("openai", "gpt-4o", "openai", True),
        ("hosted_vllm", "gpt-4o", "openai", False),
        ("azure", "azure/x", "whoever", True),
        ("vertex_ai", "gemini-x", "vertex_ai-language-models", True),
        ("vertex", "gemini-x", "vertex_ai-language-models", False),
        ("bedrock", "anthropic.x", "bedrock_converse", True),
        ("cohere_chat", "command", "cohere", True),
        ("litellm_proxy", "gpt-4o", "openai", True),
        ("openai", "x", None, False),
    ],
)
def test_whose_entry_it_is(provider: str, name: str, by: str | None, whose: bool) -> None:
    assert fits(provider, name, by) is whose


@pytest.mark.parametrize(
    ("pricing", "when", "cheap"),
    [
        ({"hours_utc": "16:30-00:30"}, "2026-11-23T16:29", False),
        ({"hours_utc": "16:30-00:30"}, "2026-11-23T16:30", True),
        ({"hours_utc": "16:30-00:30"}, "2026-11-24T00:29", True),
        ({"hours_utc": "16:30-00:30"}, "2026-11-24T00:30", False),
        ({"hours_utc": ["01:00-02:00", "03:00-04:00"]}, "2026-11-24T03:59", True),
        ({"hours_utc": ["01:00-02:00", "03:00-04:00"]}, "2026-11-24T02:00", False),
        ({"windows": [{"hours_utc": "00:00-00:00", "weekdays": ["Sat", "sunday"]}]}, "2026-11-22T23:59", True),
        ({"windows": [{"hours_utc": "00:00-00:00", "weekdays": [6, 7]}]}, "2026-11-23T00:00", False),
        (
            {"windows": [{"hours_utc": "00:00-00:00", "weekdays": [1]}], "weekday_timezone": "Asia/Shanghai"},
            "2026-11-22T16:00",
            True,
        ),
        ({}, "2026-11-23T00:00", False),
    ],
)
def test_off_peak(pricing: dict[str, object], when: str, cheap: bool) -> None:
    second = int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp())
    assert off_peak(pricing)(second) is cheap


@pytest.mark.parametrize(
    "pricing",
    [
        {"hours_utc": "24:00-01:00"},
        {"hours_utc": 7},
        {"windows": [{"weekdays": [1]}]},
        {"hours_utc": "00:00-01:00", "weekdays": [8]},
        {"hours_utc": "00:00-01:00", "weekday_timezone": "Asia/Nowhere"},
    ],
)
def test_hours_that_cannot_be_read(pricing: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"hours_utc|weekdays|weekday_timezone"):
        off_peak(pricing)


@pytest.mark.parametrize(
    ("provider", "base", "location", "factor"),
    [
        ("openai", "https://eu.api.openai.com/v1", None, Fraction(11, 10)),
        ("openai", "https://api.openai.com/v1", None, 1),
        ("openai", "https://eu.api.openai.com.evil.example", None, 1),
        ("azure", "https://eu.api.openai.com/v1", None, 1),
        ("vertex_ai", None, "europe-west1", Fraction(6, 5)),
        ("vertex_ai", None, "global", 1),
        ("vertex_ai", None, None, 1),
    ],
)
def test_surcharges(provider: str, base: str | None, location: str | None, factor: Fraction) -> None:
    entry = {"regional_processing_uplift_multiplier_eu": 1.1, "regional_endpoint_uplift_multiplier": Decimal("1.2")}
    assert surcharge(entry, provider, base, location) == factor
