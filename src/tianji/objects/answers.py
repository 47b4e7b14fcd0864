"""How clients are answered about what upstreams keep."""

from collections.abc import Mapping
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.edge.answers import call_id_headers, respond_json
from tianji.errors import Header
from tianji.objects.places import Place

_KEPT_HEADERS: Final = frozenset({b"content-type", b"content-disposition"})


def respond(exchange: Exchange, answer: Mapping[str, Any], place: Place) -> None:
    """Answer with an object, and say which deployment it lies at."""
    about = [(b"x-litellm-model-id", place.name.rpartition(" ")[2].encode("ascii", "replace"))] if place.group else []
    respond_json(exchange, answer, 200, [*call_id_headers(exchange, compatible=True), *about])


def content_head(exchange: Exchange, _status: int, headers: list[Header]) -> list[Header]:
    """Return the headers with which the content of an upstream goes to a client."""
    kept = [pair for pair in headers if pair[0] in _KEPT_HEADERS]
    return [*kept, *call_id_headers(exchange, compatible=True)]
