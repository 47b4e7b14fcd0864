"""Usage is read as it stands, and what cannot be a token count is never believed."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.spans import scan
from tianji._core.streams.usage import TIERS_BY_NUMBER, Usage, estimated_usage, read_usage

COUNTS = [name for name in dir(Usage) if name.endswith("_tokens")]
NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        """prompt_tokens input_tokens completion_tokens output_tokens total_tokens prompt_tokens_details
    input_tokens_details completion_tokens_details output_token_details cached_tokens cache_read_input_tokens
    cache_creation_input_tokens cache_write_tokens cache_creation cached_tokens_details audio_tokens image_tokens
    reasoning_tokens cost total_cost cost_in_usd_ticks service_tier server_tool_use web_search_requests seconds
    ephemeral_1h_input_tokens other""",
    )
)


def test_usage_is_read_with_its_details() -> None:
    usage = read_usage(
        scan(
            b'{"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,'
            b'"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1},'
            b'"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":2}}}'
        )
    )
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (9, 12, 21)
    assert (usage.cached_tokens, usage.prompt_audio_tokens) == (4, 1)
    assert (usage.reasoning_tokens, usage.completion_audio_tokens) == (5, 2)
    assert usage.suspect is False
    assert "prompt=9" in repr(usage)


def test_usage_says_nothing_where_the_answer_does_not() -> None:
    assert read_usage(scan(b'{"choices":[]}')) is None
    assert read_usage(scan(b'{"usage":null,"x_groq":{"id":"r"}}')) is None
    assert read_usage(scan(b'{"x_groq":null}')) is None
    usage = read_usage(scan(b'{"usage":{"prompt_tokens":8,"total_tokens":8,"prompt_tokens_details":null}}'))
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.suspect) == (8, -1, -1, False)


def test_usage_is_also_found_where_groq_puts_it() -> None:
    usage = read_usage(scan(b'{"x_groq":{"id":"r","usage":{"prompt_tokens":7}}}'))
    assert usage is not None
    assert usage.prompt_tokens == 7


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "9007199254740993", "9" * 40, '"12"', "true", "[]", "{}"])
def test_an_implausible_count_is_left_out_and_marked(value: str) -> None:
    usage = read_usage(scan(f'{{"usage":{{"prompt_tokens":{value},"completion_tokens":3}}}}'.encode()))
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.suspect) == (-1, 3, True)


@pytest.mark.parametrize(
    "raw", ["5", "[]", '"x"', '{"prompt_tokens":1,"prompt_tokens":2}', '{"prompt_tokens_details":7}']
)
def test_an_unusable_usage_is_marked(raw: str) -> None:
    usage = read_usage(scan(f'{{"usage":{raw}}}'.encode()))
    assert usage is not None
    assert (usage.prompt_tokens, usage.suspect) == (-1, True)


def test_the_largest_exact_count_is_believed() -> None:
    usage = read_usage(scan(b'{"usage":{"prompt_tokens":9007199254740992}}'))
    assert usage is not None
    assert (usage.prompt_tokens, usage.suspect) == (2**53, False)


def test_usage_is_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        Usage()
    with pytest.raises(TypeError):
        read_usage(None)  # type: ignore[arg-type]


def usage_of(text: str) -> Usage:
    usage = read_usage(scan(f'{{"usage":{text}}}'.encode()))
    assert usage is not None
    return usage


def test_the_forms_of_responses_and_messages_mean_the_same() -> None:
    chat = usage_of('{"prompt_tokens":9,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}')
    responses = usage_of('{"input_tokens":9,"output_tokens":12,"input_tokens_details":{"cached_tokens":4}}')
    messages = usage_of('{"input_tokens":5,"output_tokens":12,"cache_read_input_tokens":4}')
    escaped = usage_of('{"prompt\\u005ftokens":9,"completion_tokens":12,"prompt_cache_hit_tokens":4}')
    for usage in (chat, responses, messages, escaped):
        assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (9, 12, 4)
        assert (usage.written_tokens, usage.suspect, usage.estimated) == (-1, False, False)


def test_what_went_into_the_cache_is_told_by_how_long_it_stays() -> None:
    beside = usage_of(
        '{"input_tokens":1,"cache_read_input_tokens":2,"cache_creation_input_tokens":700,'
        '"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":400}}'
    )
    inside = usage_of(
        '{"prompt_tokens":703,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":700,'
        '"cache_creation_token_details":{"ephemeral_1h_input_tokens":400}}}'
    )
    for usage in (beside, inside):
        assert (usage.prompt_tokens, usage.cached_tokens) == (703, 2)
        assert (usage.written_tokens, usage.written_1h_tokens) == (700, 400)


def test_parts_of_other_kinds() -> None:
    usage = usage_of(
        '{"input_tokens":9,"output_tokens":9,'
        '"input_token_details":{"image_tokens":1,"video_tokens":2,"cached_tokens":3,'
        '"cached_tokens_details":{"audio_tokens":1,"image_tokens":2}},'
        '"output_token_details":{"image_tokens":4,"video_tokens":5,"thinking_tokens":6},'
        '"server_tool_use":{"web_search_requests":7}}'
    )
    assert (usage.prompt_image_tokens, usage.prompt_video_tokens) == (1, 2)
    assert (usage.cached_audio_tokens, usage.cached_image_tokens) == (1, 2)
    assert (usage.completion_image_tokens, usage.completion_video_tokens, usage.reasoning_tokens) == (4, 5, 6)
    assert usage.web_searches == 7


def test_reasoning_beside_the_completion_is_put_into_it() -> None:
    details = '"completion_tokens_details":{"reasoning_tokens":5}'
    assert usage_of(f'{{"prompt_tokens":1,"completion_tokens":7,"total_tokens":13,{details}}}').completion_tokens == 12
    assert usage_of(f'{{"prompt_tokens":1,"completion_tokens":7,"total_tokens":8,{details}}}').completion_tokens == 7


@pytest.mark.parametrize(
    ("answer", "tier"),
    [
        ('{"usage":{"service_tier":"priority"},"service_tier":"flex"}', "priority"),
        ('{"usage":{},"service_tier":"flex"}', "flex"),
        ('{"usage":{"service_tier":"batch"}}', "batch"),
        ('{"usage":{},"service_tier":"fast"}', "priority"),
        ('{"usage":{},"service_tier":"default"}', "standard"),
        ('{"usage":{},"service_tier":"unheard of"}', "standard"),
    ],
)
def test_the_service_tier_stands_in_one_of_two_places(answer: str, tier: str) -> None:
    usage = read_usage(scan(answer.encode()))
    assert usage is not None
    assert TIERS_BY_NUMBER[usage.tier] == tier


@pytest.mark.parametrize("tier", ["null", "5", '"\\ud800"', "{}"])
def test_a_tier_that_is_no_text_says_nothing(tier: str) -> None:
    usage = usage_of(f'{{"service_tier":{tier}}}')
    assert (usage.tier, usage.suspect) == (-1, False)


@pytest.mark.parametrize(
    ("member", "pico"),
    [
        ('"cost":0.00014', 140_000_000),
        ('"cost":1.4e-05', 14_000_000),
        ('"cost":2', 2 * 10**12),
        ('"cost":0', 0),
        ('"cost":0e-99999', 0),
        ('"cost":1e-13', 0),
        ('"cost":5e-13', 1),
        ('"cost":0.1234567890123456789', 123_456_789_012),
        ('"cost":12E+3', 12_000 * 10**12),
        ('"cost":null', -1),
        ('"cost":{"request_cost":1,"total_cost":0.01}', 10**10),
        ('"cost":{"request_cost":1}', -1),
        ('"cost_in_usd_ticks":37756000', 3_775_600_000),
    ],
)
def test_a_reported_cost_is_read_exactly(member: str, pico: int) -> None:
    usage = usage_of(f"{{{member}}}")
    assert (usage.reported, usage.suspect) == (pico, False)


@pytest.mark.parametrize("cost", ["-1", "-0.0", "1e99999", "9e6", '"1"', "true", "[]", '{"total_cost":-3}'])
def test_a_reported_cost_that_is_none_is_left_out_and_marked(cost: str) -> None:
    usage = usage_of(f'{{"cost":{cost}}}')
    assert (usage.reported, usage.suspect) == (-1, True)


def test_seconds_of_audio() -> None:
    assert usage_of('{"type":"duration","seconds":12.3456}').milliseconds == 12_346
    assert usage_of('{"type":"duration","seconds":-1}').suspect


@given(st.decimals(min_value=0, max_value=10**6, allow_nan=False, places=12))
def test_any_cost_up_to_a_million_dollars_is_read_exactly(cost: Decimal) -> None:
    assert usage_of(f'{{"cost":{cost}}}').reported == cost * 10**12
    assert usage_of(f'{{"cost":{cost:e}}}').reported == cost * 10**12


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":10}}',
        '{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":5,"cache_write_tokens":5}}',
        '{"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":10}}',
        '{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":-1}}',
        '{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens_details":[]}}',
        '{"prompt_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":9223372036854775808}}',
        '{"prompt_tokens":9,"server_tool_use":{"web_search_requests":"many"}}',
    ],
)
def test_parts_that_cannot_be_are_marked(text: str) -> None:
    assert usage_of(text).suspect


def test_what_is_missing_is_filled_in_and_flagged() -> None:
    usage = usage_of('{"prompt_tokens":9}')
    usage.fill(100, 50)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (9, 50, True)
    whole = usage_of('{"prompt_tokens":9,"completion_tokens":3}')
    whole.fill(100, 50)
    assert (whole.prompt_tokens, whole.completion_tokens, whole.estimated) == (9, 3, False)
    cut = usage_of('{"prompt_tokens":9,"completion_tokens":0}')
    cut.doubt_zeros()
    cut.fill(100, 50)
    assert (cut.prompt_tokens, cut.completion_tokens, cut.estimated) == (9, 50, True)
    nothing = estimated_usage(-5, 7)
    assert (nothing.prompt_tokens, nothing.completion_tokens, nothing.estimated) == (0, 7, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, JSON, max_size=12))
def test_whatever_it_holds_no_count_is_implausible(members: dict[str, object]) -> None:
    usage = read_usage(scan(json.dumps({"usage": members}).encode()))
    assert usage is not None
    for name in COUNTS:
        assert -1 <= getattr(usage, name) <= 3 * 2**53, name
