"""Which encoding a model uses.

Source: tiktoken's table of models (https://github.com/openai/tiktoken/blob/main/tiktoken/model.py).
"""

import re
from typing import Final

from msgspec import Struct

_FAMILIES: Final = (  # the first that the name begins with decides
    (re.compile(r"(ft:)?(gpt-(5|4o|4\.1|4\.5|oss)|chatgpt-4o|o[134](?![\w.]))"), "o200k_base"),
    (re.compile(r"(ft:)?(gpt-4|gpt-3\.5(-turbo)?|gpt-35-turbo|davinci-002|babbage-002)(?![\w.])"), "cl100k_base"),
    (re.compile(r"text-embedding-(3|ada-002)(?![\w.])"), "cl100k_base"),
)
_OTHERS: Final = "cl100k_base"  # models of others: what LiteLLM's proxy counts them with


class Encoding(Struct, frozen=True):
    """An encoding's name, and whether it is the model's own or the one that estimates it."""

    name: str
    exact: bool


def encoding_of(model: str) -> Encoding:
    """Return the encoding of an upstream model, such as `gpt-4o-mini` or `openai/gpt-4o-mini`."""
    bare = model.rpartition("/")[2]
    for family, name in _FAMILIES:
        if family.match(bare):
            return Encoding(name, exact=True)
    return Encoding(_OTHERS, exact=False)
