"""What a tool is called with: a JSON text that a model wrote, judged leaf by leaf."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from tianji.guardrails.slots.texts import (
    Changes,
    Path,
    Unmaskable,
    Unreadable,
    decoded,
    leaves,
    put,
    quoted,
    rewritten,
    unmaskable,
)

FIXED = "a name or a number in the arguments of a tool cannot be masked"


class Leaf(Struct, frozen=True):
    """A text in the arguments.

    inner: where it stands, None for one that cannot be changed, which holds all names and numbers
    """

    text: str
    inner: Path | None


def leaves_of(tree: object, path: Path = ()) -> Iterator[Leaf]:
    """Yield the texts of decoded arguments, which stand at `path`."""
    for inner, text in leaves(tree, path):
        if text:
            yield Leaf(text, inner)
    if fixed := "\n".join(unmaskable(tree)):
        yield Leaf(fixed, None)


def leaves_in(arguments: str) -> Iterator[Leaf]:
    """Yield the texts of arguments; what is no JSON is one text, at the place ()."""
    try:
        tree = decoded(arguments.encode())
    except (Unreadable, UnicodeEncodeError):
        tree = arguments
    return leaves_of(tree)


def with_leaves(arguments: str, texts: Mapping[Path | None, str]) -> str:
    """Return arguments with other texts at some places. Raises Unmaskable where that is impossible."""
    if None in texts:
        raise Unmaskable(FIXED)
    changes: Changes = {}
    for path, text in texts.items():
        if not path:
            return text
        put(changes, path, quoted(text))
    return rewritten(arguments.encode(), changes).decode()
