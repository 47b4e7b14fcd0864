import pytest
from tiktoken import model as table

from tianji.accounting.encodings import Encoding, encoding_of

KNOWN = ("o200k_base", "cl100k_base")
NAMES = {**table.MODEL_TO_ENCODING, **table.MODEL_PREFIX_TO_ENCODING}


@pytest.mark.parametrize("model", [name for name, encoding in NAMES.items() if encoding in KNOWN])
def test_models_that_tiktoken_knows(model: str) -> None:
    assert encoding_of(model) == Encoding(NAMES[model], exact=True)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.2-codex", "o200k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("o1", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base"),
        ("openai/gpt-4o", "o200k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-4-32k", "cl100k_base"),
        ("gpt-35-turbo-16k", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125:org::id", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
    ],
)
def test_models_of_a_family(model: str, encoding: str) -> None:
    assert encoding_of(model) == Encoding(encoding, exact=True)


@pytest.mark.parametrize(
    "model",
    ["claude-sonnet-4-5", "gemini-2.5-pro", "my-gpt-4o", "gpt-4.7", "gpt-40", "o10", "o1x", "davinci", "gpt2", ""],
)
def test_others_are_estimated(model: str) -> None:
    assert encoding_of(model) == Encoding("cl100k_base", exact=False)
