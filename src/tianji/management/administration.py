"""The rows of the route table that manage keys and whoever stands above them: each folder's own (`rows.py`).

The tables say who may come; the functions that they name judge whose object is asked for, and they are loaded when the
first request comes: most workers never need them.
"""

from collections.abc import Coroutine, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.edge.routes import Match, Route
from tianji.lazy import load
from tianji.management.audit import rows as audit
from tianji.management.keys import rows as keys
from tianji.management.limits import rows as limits
from tianji.management.models import rows as models
from tianji.management.office import Office
from tianji.management.people import rows as people
from tianji.management.rows import Row
from tianji.management.settings import rows as settings
from tianji.management.spend import rows as spend
from tianji.management.tools import rows as tools

FOLDERS: Final[Mapping[str, Mapping[str, tuple[Row, ...]]]] = {
    "keys": keys.FAMILIES,
    "people": people.FAMILIES,
    "limits": limits.FAMILIES,
    "models": models.FAMILIES,
    "settings": settings.FAMILIES,
    "spend": spend.FAMILIES,
    "audit": audit.FAMILIES,
    "tools": tools.FAMILIES,
}


class Administration:
    """The management routes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for folder, families in FOLDERS.items():
            for family, rows in families.items():
                for row in rows:
                    operation = _Operation(self._office, f"{folder}.{row.function}")
                    yield Route((row.method,), row.path, operation, row.access, row.tenant, row.summary, (family,))


class _Operation:
    """Handles a route by a function that is loaded when it is first called."""

    __slots__ = ("_module", "_name", "_office")

    def __init__(self, office: Office, function: str) -> None:
        self._office = office
        folder, module, self._name = function.split(".", 2)
        self._module = f"{__package__}.{folder}.{module}"

    def __call__(self, exchange: Exchange, match: Match) -> Coroutine[Any, Any, None]:
        function = attrgetter(self._name)(load(self._module))
        served: Coroutine[Any, Any, None] = load("tianji.management.desk").serve(
            self._office, function, exchange, match
        )
        return served
