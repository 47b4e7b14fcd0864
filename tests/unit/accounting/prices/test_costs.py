"""The meter against costs worked out by hand, whole answers and streams alike."""

from fractions import Fraction

import pytest

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import Measures, Rates, cost, estimate, list_cost
from tianji._core.streams.sse import ChatStream
from tianji._core.streams.usage import Usage, estimated_usage, read_usage, tier_number
from tianji.accounting.prices.adjustments import Markup
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.explain import explain_cost
from tianji.accounting.prices.names import candidates, fits
from tianji.accounting.prices.tables import compile_rates

from .oracle import nano, rows

ANSWERS = rows("answers.txt")

PEAK = 1_795_399_200  # Monday, 23 November 2026, 02:00 UTC: when nobody is cheaper


def rates_of(model: str, provider: str) -> Rates:
    found = Catalogue().find(
        candidates(provider, model), lambda name, entry: fits(provider, name, entry.get("litellm_provider"))
    )
    return compile_rates({} if found is None else found[1], provider)


def usage_of(text: str) -> Usage:
    usage = read_usage(scan(f'{{"id":"x","usage":{text}}}'.encode()))
    assert usage is not None
    return usage


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_there_are_enough_rows() -> None:
    assert len(ANSWERS) >= 60
    assert len({model for model, *_ in ANSWERS}) >= 20


@pytest.mark.parametrize(("model", "provider", "used", "dollars"), ANSWERS)
def test_what_an_answer_costs(model: str, provider: str, used: str, dollars: Fraction) -> None:
    rates, usage = rates_of(model, provider), usage_of(used)
    assert cost(rates, usage, PEAK) == nano(dollars)
    assert explain_cost(rates, usage, PEAK).total == nano(dollars)


@pytest.mark.parametrize(("model", "provider", "used", "dollars"), ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_costs_what_the_same_answer_costs(
    model: str, provider: str, used: str, dollars: Fraction, size: int
) -> None:
    stream = ChatStream()
    chunks = [
        b'{"id":"x","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}',
        b'{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}',
        f'{{"id":"x","choices":[],"usage":{used}}}'.encode(),
        b"[DONE]",
    ]
    for piece in cut(b"".join(b"data: " + chunk + b"\n\n" for chunk in chunks), size):
        stream.feed(piece)
    assert stream.done
    assert cost(rates_of(model, provider), stream.usage, PEAK) == nano(dollars)


@pytest.mark.parametrize(("model", "provider", "used", "dollars"), rows("units.txt"))
def test_what_other_units_cost(model: str, provider: str, used: str, dollars: Fraction) -> None:
    rates = rates_of(model, provider)
    measures = Measures(**{name: int(count) for name, count in (pair.split("=") for pair in used.split(","))})
    assert cost(rates, None, PEAK, measures) == nano(dollars)
    assert explain_cost(rates, None, PEAK, measures).total == nano(dollars)
    assert estimate(rates, 0, 0, measures) >= nano(dollars)


def test_an_estimate_stands_in_where_nothing_was_said_and_is_flagged() -> None:
    rates = rates_of("gpt-4o", "openai")
    usage = estimated_usage(1000, 500)
    assert usage.estimated
    assert cost(rates, usage, PEAK) == nano(Fraction("0.0075"))
    hostile = usage_of('{"prompt_tokens":-7,"completion_tokens":500}')
    assert (hostile.suspect, hostile.estimated) == (True, False)
    hostile.fill(1000, 9)
    assert hostile.estimated
    assert cost(rates, hostile, PEAK) == nano(Fraction("0.0075")), "what the provider said of the rest wins"


def test_the_tier_that_was_served_goes_before_the_one_that_was_asked_for() -> None:
    rates = rates_of("gpt-4o", "openai")
    usage = estimated_usage(1000, 0)
    assert cost(rates, usage, PEAK, None, tier_number("priority")) == nano(Fraction("0.00425"))
    served = usage_of('{"prompt_tokens":1000},"service_tier":"default"')
    assert cost(rates, served, PEAK, None, tier_number("priority")) == nano(Fraction("0.0025"))


def test_a_batch_is_half_where_its_price_is_not_listed() -> None:
    rates = compile_rates({"input_cost_per_token": "1e-6", "output_cost_per_token": "4e-6"}, "openai")
    assert cost(rates, estimated_usage(10, 10), PEAK, None, tier_number("batch")) == 25_000


def test_deepseek_is_cheaper_at_night() -> None:
    rates = rates_of("deepseek-v4-pro", "deepseek")
    usage = estimated_usage(1000, 100)
    assert cost(rates, usage, PEAK) == 1_320_000 + 396_000
    assert cost(rates, usage, PEAK + 2 * 3600) == 660_000 + 198_000
    assert explain_cost(rates, usage, PEAK + 2 * 3600).total == 858_000
    assert estimate(rates, 1000, 100) >= 1_716_000, "it may end when it is dear again"


def test_a_batch_is_half_of_the_cheaper_price_too() -> None:
    entry = {
        "output_cost_per_token": "4e-6",
        "off_peak_pricing": {"hours_utc": "00:00-00:00", "output_cost_per_token": "2e-6"},
    }
    assert cost(compile_rates(entry, "x"), estimated_usage(0, 10), PEAK, None, tier_number("batch")) == 10_000


def test_the_old_name_of_the_price_of_cached_tokens() -> None:
    old = {"input_cost_per_token": "1e-6", "input_cost_per_token_cache_hit": "1e-7"}
    usage = usage_of('{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":10}}')
    assert cost(compile_rates(old, "x"), usage, PEAK) == 1_000
    assert cost(compile_rates({**old, "cache_read_input_token_cost": "2e-7"}, "x"), usage, PEAK) == 2_000


def test_discount_then_margin() -> None:
    markup = Markup({"openai": 0.05}, {"global": {"percentage": 0.1, "fixed_amount": 0.0001}})
    entry = {"input_cost_per_token": "2.5e-6", "output_cost_per_token": "1e-5"}
    rates = compile_rates(entry, "openai", adjustment=markup.adjustment("openai", "gpt-4o"))
    usage = estimated_usage(1000, 500)
    exact = Fraction("0.0075") * Fraction(95, 100) * Fraction(11, 10) + Fraction("0.0001")
    assert cost(rates, usage, PEAK) == nano(exact)
    assert list_cost(rates, usage, PEAK) == 7_500_000
    explained = explain_cost(rates, usage, PEAK)
    assert (explained.total, explained.list_total) == (nano(exact), 7_500_000)
    assert explained.difference == nano(exact) - 7_500_000
    assert explained.formula == "(input 1000 * 0.0000025 + output 500 * 0.00001) * 209/200 + 0.0001 = 0.0079375"
    assert explained.part("input", "cache_read") == 2_500_000


def test_what_has_its_own_unit_is_not_billed_by_tokens_too() -> None:
    entry = {
        "input_cost_per_token": 1e-6,
        "input_cost_per_image": 0.01,
        "input_cost_per_character": 1e-7,
        "input_cost_per_audio_per_second": 0.001,
        "input_cost_per_video_per_second": 0.002,
        "output_cost_per_character": 2e-7,
        "output_cost_per_token": 1e-5,
    }
    usage = usage_of(
        '{"prompt_tokens":100,"completion_tokens":10,'
        '"prompt_tokens_details":{"audio_tokens":20,"image_tokens":30,"video_tokens":40}}'
    )
    rates = compile_rates(entry, "vertex_ai")
    assert cost(rates, usage, PEAK) == 200_000
    assert cost(rates, usage, PEAK, Measures(input_pictures=1)) == 170_000 + 10_000_000
    assert cost(rates, usage, PEAK, Measures(input_audio_milliseconds=500)) == 180_000 + 500_000
    assert cost(rates, usage, PEAK, Measures(input_video_milliseconds=500)) == 160_000 + 1_000_000
    assert cost(rates, usage, PEAK, Measures(input_characters=50, output_characters=5)) == 90_000 + 5_000 + 1_000


def test_time_is_billed_where_tokens_have_no_price() -> None:
    usage = estimated_usage(100, 10)
    by_time = compile_rates({"input_cost_per_second": "0.00042", "mode": "chat"}, "sagemaker")
    assert cost(by_time, usage, PEAK, Measures(milliseconds=1500)) == 630_000
    by_tokens = compile_rates({"input_cost_per_second": "0.00042", "input_cost_per_token": "1e-6"}, "sagemaker")
    assert cost(by_tokens, usage, PEAK, Measures(milliseconds=1500)) == 100_000


def test_a_resolution_has_its_price() -> None:
    found = Catalogue().find(["dashscope/happyhorse-1.0-i2v"])
    assert found is not None
    measures = Measures(output_video_milliseconds=2000)
    assert cost(compile_rates(found[1], "dashscope"), None, PEAK, measures) == 440_068_000
    assert cost(compile_rates(found[1], "dashscope", variant="720p"), None, PEAK, measures) == 247_538_000
    assert cost(compile_rates(found[1], "dashscope", variant="1p"), None, PEAK, measures) == 440_068_000
