"""What the gateway tells everybody of the models that its operator made public, and of the providers that it knows."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from tianji import __version__
from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.lazy import load
from tianji.management.office import Office

_TAGS: Final = ("public",)


class Hub:
    """The routes, which need no key. `office`: what management works with."""

    def __init__(self, office: Callable[[], Office]) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path, handler, summary in (
            ("/public/model_hub", self._models, "Describe the models of public_model_groups."),
            ("/public/model_hub/info", self._info, "Say what gateway this is, and where to read more."),
            ("/public/providers", _providers, "Name the providers that a model may be of."),
        ):
            yield Route(("GET",), path, handler, Access.OPEN, Tenant.NONE, summary, _TAGS)

    async def _models(self, exchange: Exchange, _match: Match) -> None:
        reading = load("tianji.management.models.deployment_reading")
        respond_json(exchange, await asyncio.to_thread(reading.public_groups, self._office()))

    def _info(self, exchange: Exchange, _match: Match) -> None:
        links: dict[str, Any] = self._office().config().litellm_settings.public_model_groups_links
        respond_json(
            exchange,
            {
                "docs_title": "Tianji",
                "custom_docs_description": None,
                "litellm_version": __version__,
                "useful_links": links or None,
            },
        )


def _providers(exchange: Exchange, _match: Match) -> None:
    respond_json(exchange, sorted(load("tianji.providers.names").known()))
