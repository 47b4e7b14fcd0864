"""Write the table of character classes: `python ext/generate/unicode_classes.py > ext/include/unicode_classes.h`.

The classes are those that the patterns of tiktoken's encodings tell apart, as tiktoken's own regex engine knows them:
its Unicode version is another one than that of Python's unicodedata. Run this again when tiktoken is updated;
tests/unit/core/requests/test_tokens.py fails where table and engine differ.
"""

import tiktoken

CLASSES = {  # name: what belongs to it, as a pattern; later ones win
    "OTHER": r"(?s:.)",
    "SPACE": r"\s",
    "NEWLINE": r"[\r\n]",
    "NUMBER": r"\p{N}",
    "UPPER": r"[\p{Lu}\p{Lt}]",
    "LOWER": r"\p{Ll}",
    "CASELESS": r"[\p{Lm}\p{Lo}]",
    "MARK": r"\p{M}",
}
BLOCK = 128  # characters that share an entry of the index
TABLED = 0x40000  # above, only a range of marks is not OTHER
CHARACTERS = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def members(pattern: str) -> str:
    """Return all characters that `pattern` matches, according to tiktoken."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    engine = tiktoken.Encoding("bytes", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return bytes(engine.encode_ordinary(CHARACTERS)).decode()


def classes() -> bytearray:
    """Return the number of the class of each code point."""
    found = bytearray(0x110000)
    for number, pattern in enumerate(CLASSES.values()):
        for character in members(pattern):
            found[ord(character)] = number
    return found


def header(found: bytes) -> str:
    """Return the C file."""
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(found[at : at + BLOCK], len(blocks)) for at in range(0, TABLED, BLOCK)]
    if len(blocks) > 256:
        raise ValueError("the index needs two bytes an entry")
    high = [code for code in range(TABLED, len(found)) if found[code]]
    if {found[code] for code in high} != {list(CLASSES).index("MARK")} or high != list(range(high[0], high[-1] + 1)):
        raise ValueError("above the table there is more than one range of marks")
    rows = [", ".join(map(str, index[at : at + 24])) for at in range(0, len(index), 24)]
    texts = ['    "' + "".join(map(str, block)) + '"' for block in blocks]
    names = ", ".join(f"UNI_{name} = 1 << {number}" for number, name in enumerate(CLASSES))
    return f"""\
/* Made by ext/generate/unicode_classes.py. Which class a character belongs to, a digit each. */
#ifndef TIANJI_UNICODE_CLASSES_H
#define TIANJI_UNICODE_CLASSES_H

#include <stdint.h>

enum {{ {names} }};
enum {{ UNI_TABLED = {TABLED:#x}, UNI_HIGH_MARK = {high[0]:#x}, UNI_HIGH_MARK_END = {high[-1] + 1:#x} }};

static const uint8_t uni_index[UNI_TABLED / {BLOCK}] = {{
    {("," + chr(10) + "    ").join(rows)}
}};
static const char uni_blocks[] =
{chr(10).join(texts)};

/* The class of a code point, one bit of UNI_*. */
static inline unsigned uni_class(uint32_t code)
{{
    if (code >= UNI_TABLED) return code >= UNI_HIGH_MARK && code < UNI_HIGH_MARK_END ? UNI_MARK : UNI_OTHER;
    return 1u << (uni_blocks[(uint32_t)uni_index[code / {BLOCK}] * {BLOCK} + code % {BLOCK}] & 7);
}}

#endif
"""


if __name__ == "__main__":
    print(header(bytes(classes())), end="")  # noqa: T201 - the result
