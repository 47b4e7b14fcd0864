"""Names that look like another one: what to offer for a name that does not exist."""

from collections.abc import Iterable

from tianji.lazy import load

LONGEST = 200  # characters of a name that are compared: the time grows with the square


def alike(name: str, names: Iterable[str], *, most: int = 3, likeness: float = 0.6) -> list[str]:
    """Return at most `most` of `names` that look like `name`, best first. `likeness`: from 0, all, to 1, equal."""
    found: list[str] = load("difflib").get_close_matches(name[:LONGEST], list(names), most, likeness)
    return found
