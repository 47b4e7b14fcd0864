"""What agents tell the makers of their models about themselves ends here, unread."""

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route


def routes() -> list[Route]:
    """Return the rows of the route table: where Claude Code reports its events, without a key."""
    return [
        Route(
            ("POST",),
            "/api/event_logging/batch",
            _discard,
            Access.OPEN,
            Tenant.NONE,
            "Take the telemetry of an agent and forget it.",
            ("utilities",),
        )
    ]


def _discard(exchange: Exchange, _match: Match) -> None:
    respond_json(exchange, {})
