"""Usage is read as it stands, and what cannot be a token count is never believed."""

import pytest

from tianji._core.spans import scan
from tianji._core.usage import Usage, read_usage


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
