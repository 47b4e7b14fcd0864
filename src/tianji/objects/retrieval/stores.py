"""Searches of vector stores for a caller, by whichever of his requests wants them."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.errors import Header
from tianji.objects.desk import Desk
from tianji.objects.guarding import judged
from tianji.objects.kinds import STORE
from tianji.objects.naming import Asking, shown
from tianji.objects.places import Place
from tianji.objects.relay import Request
from tianji.objects.rows import ROWS

_GUARDED: Final = frozenset({"guardrails", "metadata", "litellm_metadata", "policies"})  # members that guardrails read
_SEARCH: Final = next(row for row in ROWS if row.path == "/vector_stores/{store}/search")
_JSON: Final[Header] = (b"content-type", b"application/json")
_BETA: Final[Header] = (b"openai-beta", b"assistants=v2")
Json = dict[str, Any]


class Opened(Struct, frozen=True):
    """A vector store that a request names: its id, where it lies, and who may look into it."""

    id: str
    place: Place
    asking: Asking


def opened(desk: Desk, exchange: Exchange, store: str) -> Opened:
    """Return a store of the caller's. Raises ObjectNotFound for any other, InvalidRequest for one that lies nowhere."""
    caller = exchange.identity
    if not isinstance(caller, Identity):
        raise TypeError("stores need a caller")
    asking = Asking(desk.seal, caller)
    asking.take(STORE, store)
    return Opened(store, desk.places.lying(asking), asking)


async def searched(desk: Desk, exchange: Exchange, store: Opened, wanted: Json) -> Json:
    """Return the page that a store has found, with the ids that clients see.

    wanted: members of https://platform.openai.com/docs/api-reference/vector-stores/search. Raises what its place says,
    and what guardrails do.
    """
    caller, place, asking = exchange.identity, store.place, store.asking
    if not isinstance(caller, Identity):
        raise TypeError("stores need a caller")
    members = msgspec.json.decode(exchange.body, type=Json)
    about = {name: members[name] for name in _GUARDED & members.keys()}
    judged_as, reader = await judged(desk.guards(), _SEARCH, exchange, desk.places, about | wanted, place)
    told = asking.said_to(place.digest, {name: judged_as[name] for name in wanted})
    body = msgspec.json.encode(told)
    path = f"/vector_stores/{quote(asking.at(place.digest, STORE, store.id), safe='')}/search"
    answer = await desk.relay.ask(place, Request("POST", path, "", (_BETA, _JSON), (body,), len(body)))
    page: Json = shown(desk.seal, place.digest, owner_of(caller), answer)
    if reader is not None:
        left = await reader.whole(_SEARCH.spoken, place.group or "", msgspec.json.encode(page))
        page = msgspec.json.decode(left, type=Json)
    data = page.get("data")
    return {**page, "data": [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []}


def text_of(result: Json) -> str:
    """Return the text of one result."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    return "\n\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))
