"""Several who hear of entries as one."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tianji.config.loader import Loaded
from tianji.ledger.entry import Entry
from tianji.ledger.process import Listening


class Hearers:
    """All of them hear, one after another; a journal may go when all have heard its end."""

    def __init__(self, hearers: Sequence[Listening], meet: Callable[[Entry], None]) -> None:
        """`meet`: takes note of entries of which more than the usual destinations are told."""
        self._hearers = hearers
        self.meet = meet

    @property
    def whole(self) -> bool:
        """Whether one of them has what was said written down whole."""
        return any(hearer.whole for hearer in self._hearers)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        for hearer in self._hearers:
            hearer.adopt(loaded)

    async def round(self, files: Sequence[Path]) -> None:
        """Hear what the journals hold now."""
        for hearer in self._hearers:
            await hearer.round(files)

    async def finished(self, file: Path, position: int) -> bool:
        """Hear the rest of a journal, and say whether it may be removed."""
        return all([await hearer.finished(file, position) for hearer in self._hearers])

    async def close(self) -> None:
        """Pass on what was heard."""
        for hearer in self._hearers:
            await hearer.close()
