"""The vocabularies that come with the package, loaded when somebody counts."""

import zlib
from functools import partial
from pathlib import Path
from typing import Final

from tianji._core.requests.tokens import Vocabulary

_DATA: Final = Path(__file__).with_name("data")
_RULES: Final = {"o200k_base": ("o200k", 199_998), "cl100k_base": ("cl100k", 100_256)}  # rule, ordinary tokens


class Vocabularies:
    """One of each. Made before workers fork, they share what the first of them loads."""

    def __init__(self) -> None:
        self._by_name = {
            name: Vocabulary(rule, tokens, partial(_load, name)) for name, (rule, tokens) in _RULES.items()
        }

    def __getitem__(self, name: str) -> Vocabulary:
        """Return o200k_base or cl100k_base. Raises KeyError for any other name."""
        return self._by_name[name]


def _load(name: str) -> bytes:
    return zlib.decompress((_DATA / f"{name}.merges").read_bytes())
