"""What conversations are made with."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji._core.requests.pipeline import Operation, Pipeline
from tianji._core.routing.router import Deployment
from tianji._core.upstreams.pool import Pool
from tianji.auth.calls import CallSeal
from tianji.auth.ephemeral import Tickets
from tianji.config.schema import GeneralSettings
from tianji.edge.routes import Match
from tianji.egress.connector import Connector
from tianji.errors import InvalidRequest
from tianji.gateway.attempts.course import Courses
from tianji.routing.abilities import OPERATION


class Means(Struct, frozen=True, kw_only=True):
    """What a worker has; what `settings`, `draining` and `revision` return changes while it serves.

    talk: says who judges what is said in a conversation, see realtime.judging.Talk; None where nobody does
    deployment: which has an id, if any has it; calls: makes the ids of calls, and reads them
    authorize: lets a request in by its headers; holder: says who has a key, as identities name it
    respond: where a response is asked for over HTTP
    revision: another one whenever something may have changed of whom these let in
    surprise: whether a conversation is the first on a server that was chosen for want of any
    """

    pipeline: Pipeline
    courses: Courses
    pool: Pool
    connector: Connector
    settings: Callable[[], GeneralSettings]
    tickets: Tickets
    calls: CallSeal
    deployment: Callable[[str], Deployment | None]
    draining: Callable[[], bool]
    talk: Callable[[Asked], Any]
    authorize: Callable[[Exchange, Match], object]
    holder: Callable[[str], object]
    respond: Callable[[], Match]
    revision: Callable[[], object]
    surprise: Callable[[], bool]


def operation(name: str) -> Operation:
    """Return what the compiled path has to know of `realtime`, as OpenAI has conversations, or of `live`, as Google."""
    return Operation(name, bit=OPERATION[name], members=((b"model", b'"', True),), complain=_complain)


def _complain(_first_bytes: dict[str, int], _model_in_path: bool) -> None:
    raise InvalidRequest("name a model, as text", param="model")
