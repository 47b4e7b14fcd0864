"""tiktoken's encodings, made from the vocabularies of the package: tiktoken itself would fetch them."""

import base64
import hashlib
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest import mock

import tiktoken
from tiktoken_ext import openai_public

DATA = Path(__file__).parents[2] / "src" / "tianji" / "accounting" / "data"
NAMES = ("o200k_base", "cl100k_base")


def unpacked(name: str) -> bytes:
    return zlib.decompress((DATA / f"{name}.merges").read_bytes())


def tokens_of(packed: bytes) -> list[bytes]:
    """All tokens by rank, from the form that ext/generate/vocabulary.py describes."""
    tokens = [packed[i : i + 1] for i in range(256)]
    many = (len(packed) - 256) // 6
    columns = [packed[256 + i * many : 256 + (i + 1) * many] for i in range(6)]
    for low, middle, high, low2, middle2, high2 in zip(*columns, strict=True):
        left, right = low | middle << 8 | high << 16, low2 | middle2 << 8 | high2 << 16
        tokens.append(tokens[left] + tokens[right])
    return tokens


def with_pattern(name: str, ranks: dict[bytes, int]) -> tiktoken.Encoding:
    """Return an encoding that cuts texts as `name` does and has tokens of its own."""
    pattern = encoding(name)._pat_str
    return tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@cache
def encoding(name: str) -> tiktoken.Encoding:
    """Return tiktoken's encoding; its vocabulary must have the sum that tiktoken expects of the file it fetches."""
    tokens = tokens_of(unpacked(name))

    def load(_url: str, expected_hash: str) -> dict[bytes, int]:
        text = b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))
        assert hashlib.sha256(text).hexdigest() == expected_hash
        return {token: rank for rank, token in enumerate(tokens)}

    with mock.patch.object(openai_public, "load_tiktoken_bpe", load):
        return tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())


def merged(text: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """Encode one piece by the rule itself: the pair of lowest rank is merged, the leftmost first."""
    parts = [text[i : i + 1] for i in range(len(text))]
    while len(parts) > 1:
        rank, i = min((ranks.get(left + right, len(ranks)), i) for i, (left, right) in enumerate(pairwise(parts)))
        if rank == len(ranks):
            break
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts
