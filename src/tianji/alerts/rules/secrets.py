"""The secret manager does not say what it is asked: keys of providers are not replaced any more, and nobody notices."""

from collections.abc import Callable, Iterator
from typing import Final

from tianji.alerts.alert import Alert

SERIES: Final = 'tianji_secret_manager_reads_total{{outcome="{}"}}'
_KIND: Final = "secret_manager_exceptions"
_AGAIN: Final = 600.0  # seconds until it is told again of an outage that lasts


class Reads:
    """Looks at how the readings of all workers went. `count`: how many there were, by their outcome."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._failed = 0
        self._good = 0
        self._away = False

    def look(self, system: str) -> Iterator[Alert]:
        """Yield that `system` fails, and that it is read again; one good reading among failures proves little."""
        failed, good = self._count("failed"), self._count("same") + self._count("changed")
        worse, better = failed > self._failed, good > self._good
        self._failed, self._good = failed, good
        if worse:
            self._away = True
            text = (
                f"{system} does not say all that it is asked; the keys that it said before go on, and the log says why"
            )
            yield Alert(kind=_KIND, text=text, key=_KIND, ttl=_AGAIN)
        elif better and self._away:
            self._away = False
            yield Alert(kind=_KIND, level="Low", text=f"{system} says all that it is asked again")
