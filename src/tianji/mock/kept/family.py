"""What the mock keeps of one API has in common: which paths are its own, what was made, and numbers for more."""

import itertools
import re
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tianji.mock.json import Json


class Family:
    """What was made, by its id. paths: those that are answered here."""

    paths: ClassVar[re.Pattern[str]]

    def __init__(self) -> None:
        self._made: dict[str, Json] = {}
        self._next = itertools.count(1).__next__

    @classmethod
    def serves(cls, path: str) -> bool:
        """Tell whether a path is one of those here."""
        return cls.paths.fullmatch(path) is not None
