"""Several who hear of entries as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tianji.config.loader import Loaded
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.reading import Batch


class Part(Protocol):
    """One of them: see `tianji.ledger.process.Listening`."""

    whole: bool

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""

    async def round(self, files: Sequence[Path]) -> None:
        """See to what there is to do."""

    async def finished(self, file: Path, position: int) -> bool:
        """Say whether a journal may be removed."""

    async def close(self) -> None:
        """Pass on what was heard."""


class Following(Part, Protocol):
    """One that hears what is read for the books, as it is read."""

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Hear it."""


class Telling(Following, Protocol):
    """One that reads for itself, at its own pace, and wants to know of whom it has to tell."""

    def meet(self, entry: Entry) -> None:
        """Take note of an entry of which more than the usual destinations are told."""

    def opened(self, payload: Payload) -> Payload:
        """Return what was said with its parts apart."""


class Hearers:
    """All of them hear, one after another; a journal may go when all have heard its end."""

    def __init__(self, following: Sequence[Following], telling: Telling) -> None:
        self._following = following
        self._telling = telling
        self._all: Sequence[Part] = (*following, telling)

    @property
    def whole(self) -> bool:
        """Whether one of them has what was said written down whole."""
        return any(hearer.whole for hearer in self._all)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        for hearer in self._all:
            hearer.adopt(loaded)

    def meet(self, entry: Entry) -> None:
        """Take note of an entry of which more than the usual destinations are told."""
        self._telling.meet(entry)

    def opened(self, payload: Payload) -> Payload:
        """Return what was said with its parts apart, a stream as the answer that it comes to."""
        return self._telling.opened(payload)

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Hear what was read of a journal."""
        for hearer in (*self._following, self._telling):
            await hearer.hear(file, start, batch)

    async def round(self, files: Sequence[Path]) -> None:
        """Hear what these journals hold, and see to what else there is to do."""
        for hearer in self._all:
            await hearer.round(files)

    async def finished(self, file: Path, position: int) -> bool:
        """Hear the rest of a journal, and say whether it may be removed."""
        return all([await hearer.finished(file, position) for hearer in self._all])

    async def close(self) -> None:
        """Pass on what was heard."""
        for hearer in self._all:
            await hearer.close()
