"""The route of the numbers for Prometheus: those that workers count in common, and those out of the journals."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final
from urllib.parse import parse_qs

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.routes import Match, Route
from tianji.errors import Header
from tianji.lazy import load
from tianji.metrics.text import CONTENT_TYPE, Metric, Sample, render

WORTH_IT: Final = 1024  # bytes of an answer that is compressed for who takes that
LEVEL: Final = 1  # of compression: lines are alike, and the worker has others to serve
_GZIP: Final[Header] = (b"content-encoding", b"gzip")
_VARY: Final[Header] = (b"vary", b"accept-encoding")
_PART: Final = re.compile("_(?:bucket|sum|count)$")

log = logging.getLogger(__name__)


class Metrics:
    """The route. `source` gives the samples of all workers together; `more` the lines of further families.

    closed: who asks needs a key
    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        source: Callable[[], Iterable[Sample]],
        more: Callable[[Sequence[str]], Awaitable[bytes]],
        *,
        closed: bool = True,
    ) -> None:
        self._metrics = tuple(metrics)
        self._source = source
        self._more = more
        self._access = Access.KEY if closed else Access.OPEN

    def routes(self) -> list[Route]:
        """Return the row of the route table."""
        return [
            Route(
                ("GET",),
                "/metrics",
                self._answer,
                self._access,
                Tenant.ALL,
                "Numbers for Prometheus.",
                ("health",),
                always=True,
                query={"name[]": "only this family; may stand several times"},
            )
        ]

    async def _answer(self, exchange: Exchange, _match: Match) -> None:
        names = parse_qs(exchange.query.decode("ascii", "replace")).get("name[]", [])
        body = render(self._metrics, self._wanted(names))
        try:
            body += await self._more(names)
        except (OSError, TimeoutError) as error:
            log.warning(
                "/metrics lacks the families that are summed up out of the journals: %s", str(error) or "no answer"
            )
        if len(body) < WORTH_IT or b"gzip" not in (exchange.header(b"accept-encoding") or b""):
            exchange.respond(200, [CONTENT_TYPE, _VARY], body)
            return
        small = await asyncio.to_thread(load("gzip").compress, body, LEVEL)
        exchange.respond(200, [CONTENT_TYPE, _VARY, _GZIP], small)

    def _wanted(self, names: Sequence[str]) -> Iterable[Sample]:
        families = {*names, *(_PART.sub("", name) for name in names)}
        for sample in self._source():
            name = sample[0].partition("{")[0]
            if not names or name in families or _PART.sub("", name) in families:
                yield sample
