"""How much of a provider's limit is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.routing.quota import UNSAID, WHOLE, used


def headers(**said: object) -> list[tuple[bytes, bytes]]:
    names = ((name.replace("_", "-").encode(), str(value).encode()) for name, value in said.items())
    return [(b"content-type", b"x"), *((b"anthropic-ratelimit-" + name, value) for name, value in names)]


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ({}, UNSAID),
        ({"input_tokens_limit": 100, "input_tokens_remaining": 19}, 810),
        ({"output_tokens_limit": 100, "output_tokens_remaining": 100}, 0),
        ({"input_tokens_limit": 9, "input_tokens_remaining": 9, "output_tokens_limit": 4, "output_tokens_remaining": 1},
         750),
        ({"requests_limit": 100, "requests_remaining": 1}, UNSAID),
        ({"input_tokens_limit": 100}, UNSAID),
        ({"input_tokens_limit": 0, "input_tokens_remaining": 0}, UNSAID),
        ({"input_tokens_limit": "many", "input_tokens_remaining": "nan"}, UNSAID),
        ({"unified_status": "allowed", "unified_5h_utilization": 0.25, "unified_7d_utilization": 0.815}, 815),
        ({"unified_status": "rate_limited", "unified_5h_utilization": 0.25}, WHOLE),
        ({"unified_status": "rejected"}, WHOLE),
        ({"unified_5h_utilization": 1.7}, WHOLE),
        ({"unified_5h_utilization": "-1"}, UNSAID),
    ],
)  # fmt: skip
def test_the_limit_with_the_least_left_counts(said: dict[str, object], share: int) -> None:
    assert used(headers(**said)) == share


NAMES = st.sampled_from([
    "input_tokens_limit", "input_tokens_remaining", "unified_5h_utilization", "unified_status", "output_tokens_limit",
    "output_tokens_remaining",
])  # fmt: skip


@given(st.dictionaries(NAMES, st.text(max_size=40) | st.floats() | st.integers()))
def test_whatever_is_said_is_a_share_or_nothing(said: dict[str, object]) -> None:
    share = used([(name, value) for name, value in headers(**said) if value.isascii()])
    assert share == UNSAID or 0 <= share <= WHOLE
