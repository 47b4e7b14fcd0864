"""A strict reader for `.env` files: `NAME=value` lines, comments, quotes; nothing is expanded or executed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tianji.config.problems import Findings, Place

_LINE: Final = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?')
_SINGLE: Final = re.compile(r"'([^']*)'[ \t]*(?:#.*)?")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


def read(file: Path, data: bytes, findings: Findings) -> dict[str, str]:
    r"""Return the variables of a `.env` file; lines that are not understood are reported and skipped.

    A value in double quotes knows the escapes `\n \t \r \" \\ \$`, one in single quotes is literal, and a bare one ends
    before a blank and `#`. The last line for a name counts.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        findings.warning(Place(file, 0), "", "not UTF-8 text, so it was not read", "save it as UTF-8")
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        value = _value(match[2]) if match else None
        if match is None or value is None or "\0" in value:
            findings.warning(Place(file, number), "", "not a NAME=value line, so it was skipped", "quote the value")
            continue
        values[match[1]] = value
    return values


def _value(text: str) -> str | None:
    if text.startswith('"'):
        match = _DOUBLE.fullmatch(text)
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), match[1]) if match else None
    if text.startswith("'"):
        match = _SINGLE.fullmatch(text)
        return match[1] if match else None
    if text.startswith("#"):
        return ""
    return re.split(r"[ \t]#", text, maxsplit=1)[0].rstrip()


def overlay(environ: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the variables of `values` that it does not have."""
    return {**values, **environ}
