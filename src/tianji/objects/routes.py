"""The routes of what upstreams keep for callers. What answers them is loaded with the first request."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.routes import Match, Route
from tianji.objects.rows import ROWS, Row

_TAGS: Final = ("objects",)


class Objects:
    """The routes. `desk` makes the Desk that answers."""

    def __init__(self, desk: Callable[[], Any]) -> None:
        self._desk = functools.cache(desk)

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for row in ROWS:
            for template in row.templates:
                yield Route(
                    (row.method,),
                    template,
                    functools.partial(self._serve, row),
                    Access.KEY,
                    Tenant.CALLER,
                    row.summary,
                    _TAGS,
                    large=row.form,
                )

    async def _serve(self, row: Row, exchange: Exchange, match: Match) -> None:
        await self._desk().serve(row, exchange, match.params)
