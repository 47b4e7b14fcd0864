"""What a request may need that not every model can do, as bits: abilities, and the operation itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from tianji._core.routing.selection import FIRST_OPERATION_BIT
from tianji.providers.upstream import Operation

_FLAGS: Final = {  # ability -> the keys of model_info that deny it
    "tools": ("supports_function_calling", "supports_tool_choice"),
    "schema": ("supports_response_schema",),
    "images": ("supports_vision", "supports_image_input"),
    "audio": ("supports_audio_input",),
    "speech": ("supports_audio_output",),
    "documents": ("supports_pdf_input",),
    "video": ("supports_video_input",),
    "web search": ("supports_web_search",),
}
ABILITY: Final[Mapping[str, int]] = {name: 1 << bit for bit, name in enumerate(_FLAGS)}
OPERATION: Final[Mapping[str, int]] = {
    name: 1 << (FIRST_OPERATION_BIT + bit) for bit, name in enumerate(get_args(Operation))
}
# What stands in the text of a member when a request needs the ability. A quote that a client wrote into a text is
# escaped there, so that words about images are no images.
_SIGNS: Final[tuple[tuple[str, bytes, tuple[bytes, ...]], ...]] = (
    ("schema", b"response_format", (b'"json_schema"',)),
    ("images", b"messages", (b'"image_url"', b'"input_image"', b'"image"')),
    ("audio", b"messages", (b'"input_audio"',)),
    ("documents", b"messages", (b'"file"', b'"input_file"', b'"document"')),
    ("video", b"messages", (b'"video_url"', b'"input_video"')),
    ("speech", b"modalities", (b'"audio"',)),
    ("web search", b"tools", (b'"web_search', b'"web_search_preview')),
)
_EMPTY: Final = frozenset({b"", b"null", b"[]", b"{}"})


def lacks(info: Mapping[str, object], operations: Iterable[str]) -> int:
    """Return the bits of what a deployment does not do, by its `model_info` and the operations it offers.

    What `model_info` does not mention, the model can do.
    """
    offered = set(operations)
    bits = sum(bit for name, bit in OPERATION.items() if name not in offered)
    for name, keys in _FLAGS.items():
        if any(info.get(key) is False for key in keys):
            bits |= ABILITY[name]
    return bits


def needed(raw: Callable[[bytes], bytes | None], asked: int) -> int:
    """Return those of the bits `asked` that a request needs.

    raw: the JSON text of a member of its body, None when it has none. `asked` are the abilities that some deployment
    of the group lacks; where there are none, nobody has to look.
    """
    bits = 0
    if asked & ABILITY["tools"] and any((raw(name) or b"") not in _EMPTY for name in (b"tools", b"functions")):
        bits |= ABILITY["tools"]
    if asked & ABILITY["web search"] and (raw(b"web_search_options") or b"null") != b"null":
        bits |= ABILITY["web search"]
    for ability, member, signs in _SIGNS:
        if not asked & ABILITY[ability] & ~bits:
            continue
        text = raw(member)
        if text is not None and any(sign in text for sign in signs):
            bits |= ABILITY[ability]
    return bits


def names(bits: int) -> list[str]:
    """Name the abilities and operations that bits stand for."""
    return [name for name, bit in {**ABILITY, **OPERATION}.items() if bits & bit]
