"""Pack a vocabulary for the package: `python ext/generate/vocabulary.py o200k_base.tiktoken o200k_base.merges`.

The input is the file that tiktoken publishes, gzipped or not: a token in base64 and its rank on each line. The output,
compressed by zlib: the 256 one-byte tokens in the order of their ranks, then for every further token the ranks of the
two tokens that it is merged from: all low bytes of the left ones, all middle, all high ones, then so of the right ones.
That is smaller than the tokens themselves, and it is what counting needs (ext/include/bpe.h).
"""

import base64
import gzip
import sys
import zlib
from itertools import pairwise
from pathlib import Path


def read_ranks(path: Path) -> dict[bytes, int]:
    """Return tokens with their ranks."""
    raw = path.read_bytes()
    text = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, text.splitlines())}


def halves(token: bytes, ranks: dict[bytes, int]) -> tuple[int, int]:
    """Return the ranks of the two tokens that `token` is merged from: what is left when all lower merges are done."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        merges = [(ranks.get(left + right, len(ranks)), i) for i, (left, right) in enumerate(pairwise(parts))]
        rank, i = min(merges)
        if rank >= ranks[token]:
            raise ValueError(f"{token!r} is never made by merging")
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return ranks[parts[0]], ranks[parts[1]]


def packed(ranks: dict[bytes, int]) -> bytes:
    """Return the file's content before compression."""
    tokens = sorted(ranks, key=ranks.__getitem__)
    if [ranks[token] for token in tokens] != list(range(len(tokens))) or {len(token) for token in tokens[:256]} != {1}:
        raise ValueError("ranks must count from 0 without gaps, the 256 one-byte tokens first")
    pairs = [halves(token, ranks) for token in tokens[256:]]
    columns = [[pair[side] >> shift & 255 for pair in pairs] for side in (0, 1) for shift in (0, 8, 16)]
    return b"".join(tokens[:256]) + b"".join(map(bytes, columns))


def main() -> None:
    """Read the first file named on the command line, write the second."""
    source, target = map(Path, sys.argv[1:])
    target.write_bytes(zlib.compress(packed(read_ranks(source)), 9))


if __name__ == "__main__":
    main()
