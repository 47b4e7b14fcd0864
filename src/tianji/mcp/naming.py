"""Names of tools: with the prefix of their server, so that those of two servers are two."""

from collections.abc import Iterable, Mapping
from typing import Final

USUAL: Final = "-"
SEPARATOR_VARIABLE: Final = "MCP_TOOL_PREFIX_SEPARATOR"


def separator(environ: Mapping[str, str]) -> str:
    """Return what stands between prefix and name."""
    return environ.get(SEPARATOR_VARIABLE) or USUAL


def prefixed(prefix: str, name: str, between: str) -> str:
    """Return the name by which clients know a tool, or a prompt."""
    return f"{prefix}{between}{name}"


def parted(name: str, prefixes: Iterable[str], between: str) -> tuple[str, str] | None:
    """Return the prefix of a name, and the rest; None where it has none of these. The longest one counts."""
    for prefix in sorted(prefixes, key=len, reverse=True):
        head = prefix + between
        if name.startswith(head) and len(name) > len(head):
            return prefix, name[len(head) :]
    return None


def plain(text: str) -> str:
    """Return a prefix without blanks, which no model takes in the name of a function."""
    return text.replace(" ", "_")
