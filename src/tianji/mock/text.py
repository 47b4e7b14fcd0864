"""What a mock says: words that follow from the request alone, and values that fit a JSON schema."""

import zlib
from typing import Any

from tianji.mock.faults import Faults

DEFAULT_TOKENS = 32
_MAX_DEPTH = 16
_LIST = """
amber anchor arbor autumn basin beacon birch breeze bridge bright bronze canyon cedar chart cinder cloud copper
coral crane cricket current dawn delta distant drift dune early eastern ember estuary falcon fern field flint
forest garden gentle glacier golden granite harbor hazel heron hidden hollow island ivory juniper kestrel
lantern lark ledger linen little lumen maple marble meadow mellow mirror morning narrow north open orchard outer
paper pebble pine plain quartz quiet rain reed ridge river rowan saffron salt sand shore silver slow south
sparrow spring stone summit swift tidal timber upper valley velvet violet wander warm water western willow
winter wren yellow
"""
WORDS = tuple(_LIST.split())


def seed_of(*parts: str) -> int:
    """Return a number that follows from the parts."""
    return zlib.crc32("\0".join(parts).encode())


def count_words(text: str) -> int:
    """Prompt tokens of a text, as this mock counts: its whitespace-separated words."""
    return len(text.split())


def generate(seed: int, faults: Faults, limit: int | None) -> tuple[list[str], bool]:
    """Return the tokens of an answer, which joined are its text, and whether `limit` (the request's) cut it short."""
    if faults.bytes is not None:
        text = "".join(_words(seed, faults.bytes // 5 + 1))[: faults.bytes]
        tokens = _tokens_of(text)
    else:
        tokens = _words(seed, DEFAULT_TOKENS if faults.tokens is None else faults.tokens)
    if limit is not None and limit < len(tokens):
        return tokens[:limit], True
    return tokens, False


def _words(seed: int, count: int) -> list[str]:
    step = seed % 96 | 1
    words = [f" {WORDS[(seed + i * step) % len(WORDS)]}" for i in range(count)]
    if words:
        words[0] = words[0][1:]
    return words


def _tokens_of(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)] if text else []


def sample(schema: dict[str, Any], seed: int) -> Any:
    """Return a value that fits a JSON schema of the kind sent for structured output and tools."""
    return _sample(schema, schema, seed, 0)


def _sample(schema: Any, root: dict[str, Any], seed: int, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _sample(_resolve(str(schema["$ref"]), root), root, seed, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][seed % len(schema["enum"])]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _sample(schema[union][0], root, seed, depth + 1)
    return _sample_type(schema, root, seed, depth)


def _sample_type(schema: dict[str, Any], root: dict[str, Any], seed: int, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    kind = str(kind).lower()  # Google writes STRING
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _sample(s, root, seed + i + 1, depth + 1) for i, (name, s) in enumerate(properties.items())}
    if kind == "array":
        return [_sample(schema.get("items"), root, seed + i, depth + 1) for i in range(schema.get("minItems", 1))]
    scalars: dict[str, Any] = {
        "string": WORDS[seed % len(WORDS)],
        "integer": schema.get("minimum", seed % 100),
        "number": schema.get("minimum", seed % 100 + 0.5),
        "boolean": seed % 2 == 0,
    }
    return scalars.get(kind)


def _resolve(ref: str, root: dict[str, Any]) -> Any:
    node: Any = root
    for part in ref.removeprefix("#").split("/"):
        if part:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def quarters(text: str) -> list[str]:
    """Return a text in four pieces, or fewer where it is short."""
    size = max(1, -(-len(text) // 4))
    return [text[i : i + size] for i in range(0, len(text), size)]
