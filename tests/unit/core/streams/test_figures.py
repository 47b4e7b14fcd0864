"""What answers of one shape say of usage is counted as it would be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.frames import AnswerForm, Frames
from tianji._core.bodies.spans import scan
from tianji._core.bodies.templates import Template
from tianji._core.streams.figures import Figures
from tianji._core.streams.usage import Usage, read_usage

COUNTS = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cached_audio_tokens", "cached_image_tokens",
    "written_tokens", "written_1h_tokens", "prompt_audio_tokens", "prompt_image_tokens", "prompt_video_tokens",
    "reasoning_tokens", "completion_audio_tokens", "completion_image_tokens", "completion_video_tokens",
    "web_searches", "milliseconds", "reported", "tier", "suspect", "estimated",
)  # fmt: skip
HOLES = 4
number = st.sampled_from(["0", "null", "-1", '"7"', "#", "#", "#"])
"""What stands for a count; # is one of the numbers of the answer, or a sum of them."""
details = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_creation_tokens", "audio_tokens", "image_tokens", "text_tokens"]), number
)
made = st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens", "accepted_prediction_tokens"]), number)
usage = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": number,
        "completion_tokens": number,
        "total_tokens": number,
        "input_tokens": number,
        "cache_read_input_tokens": number,
        "prompt_tokens_details": details,
        "completion_tokens_details": made,
        "server_tool_use": st.just({"web_search_requests": "#"}),
        "cost": number,
        "seconds": number,
    },
)
terms = st.lists(
    st.tuples(st.integers(0, HOLES - 1), st.integers(1, 2)), min_size=1, max_size=2, unique_by=lambda t: t[0]
)


def told(value: object) -> str:
    """JSON in which counts stand bare."""
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{told(inner)}' for name, inner in value.items()) + "}"
    return str(value)


def seen(usage: Usage | None) -> dict[str, int] | None:
    return None if usage is None else {name: getattr(usage, name) for name in COUNTS}


@given(
    said=usage | st.none(),
    tier=st.sampled_from(["", ',"service_tier":"priority"']),
    sums=st.lists(terms, min_size=16, max_size=16),
    numbers=st.lists(st.integers(1, 40) | st.just(10**14) | st.just(9 * 10**14), min_size=HOLES, max_size=HOLES),
)
def test_usage_is_counted_as_it_is_read(
    said: dict[str, object] | None,
    tier: str,
    sums: list[list[tuple[int, int]]],
    numbers: list[int],
) -> None:
    text = "{" + ('"usage":' + told(said) if said is not None else '"usage":null') + tier + "}"
    around = [piece.encode() for piece in text.split("#")]
    holes = [tuple(sorted(one)) for one in sums][: len(around) - 1]
    pieces = [around[0], *(piece for pair in zip(holes, around[1:], strict=True) for piece in pair)]
    body = b"[" + b",".join(b'{"n":%d}' % one for one in numbers) + b"]"
    sighting = Frames().look(AnswerForm(b"text"), body, ())
    assert sighting is not None
    output = Template(tuple(pieces))
    figures = Figures(output)
    filled = sighting.fill(output, 0)
    assert filled is not None
    expected = seen(read_usage(scan(filled)))
    assert figures.silent == (expected is None)
    if expected is not None:
        assert seen(figures.usage(sighting, 0)) == expected


@pytest.mark.parametrize(
    ("said", "completion", "suspect"),
    [([10, 4, 17, 3, 2], 7, False), ([10, 4, 14, 3, 2], 4, False), ([1, 4, 5, 3, 2], 4, True)],
)
def test_counts_are_put_right_as_those_that_are_read(said: list[int], completion: int, suspect: bool) -> None:
    names = (
        b'{"usage":{"prompt_tokens":', b',"completion_tokens":', b',"total_tokens":',
        b',"completion_tokens_details":{"reasoning_tokens":', b'},"prompt_tokens_details":{"cached_tokens":',
    )  # fmt: skip
    output = Template((*(piece for i, name in enumerate(names) for piece in (name, ((i, 1),))), b"}}}"))
    figures = Figures(output)
    sighting = Frames().look(AnswerForm(b"text"), b"[%b]" % b",".join(b'{"n":%d}' % one for one in said), ())
    assert sighting is not None
    used = figures.usage(sighting, 0)
    assert used is not None
    assert (used.completion_tokens, used.suspect) == (completion, suspect)


def test_a_difference_that_is_not_positive_is_read() -> None:
    output = Template((b'{"usage":{"prompt_tokens":', ((0, 1), (1, -1)), b"}}"))
    sighting = Frames().look(AnswerForm(b"text"), b'[{"n":3},{"n":5}]', ())
    assert sighting is not None
    assert Figures(output).usage(sighting, 0) is None


def test_numbers_that_the_body_lacks_are_an_error() -> None:
    output = Template((b'{"usage":{"prompt_tokens":', ((5, 1),), b"}}"))
    sighting = Frames().look(AnswerForm(b"text"), b'[{"n":3}]', ())
    assert sighting is not None
    with pytest.raises(IndexError):
        Figures(output).usage(sighting, 0)
