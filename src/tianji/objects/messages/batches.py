"""Anthropic's Message Batches: many requests at once, answered within a day, for half the price.

https://docs.anthropic.com/en/api/creating-message-batches and the pages beside it. The id of a batch says the places of
all models that its requests name; they are one account, since an upstream knows no other's models.
"""

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.edge.addresses import own_address
from tianji.edge.answers import call_id_headers, respond_json
from tianji.errors import Header, InvalidRequest, TianjiError, UpstreamProtocolError
from tianji.lazy import load
from tianji.objects.answers import content_head
from tianji.objects.billing import Bill
from tianji.objects.desk import Desk
from tianji.objects.guarding import Scrutiny
from tianji.objects.ids import Copy, Ref
from tianji.objects.inside import renamed
from tianji.objects.kinds import MESSAGE_BATCH
from tianji.objects.line_parts import Files, Origin
from tianji.objects.messages.lots import lot_of
from tianji.objects.messages.results import Tally, nearest
from tianji.objects.places import MESSAGES, Place
from tianji.objects.relay import Request

PATH: Final = f"{MESSAGES}/batches"
_TABLE: Final = "tianji.storage.objects"
_JSON: Final[Header] = (b"content-type", b"application/json")
_VERSION: Final = b"anthropic-version"
_BETA: Final = b"anthropic-beta"
_MOST: Final = 1000  # batches of a list
_USUAL: Final = 20
_SHOWN: Final = 20  # batches of a list that are asked for again because they may have changed
Json = dict[str, Any]


class MessageBatches:
    """Answers requests for batches of messages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, exchange: Exchange, _params: Mapping[str, str]) -> None:
        """Have a batch made at the upstream of its models. Raises InvalidRequest, RateLimited and its kin."""
        caller, owner = _caller(exchange), owner_of(_caller(exchange))
        lot = lot_of(exchange.body, caller, self._desk.places)
        guards = self._desk.guards()
        if guards is not None:
            judge = Scrutiny(guards, exchange, caller, self._desk.places)
            lot = lot_of(await judge.batch(exchange.body), caller, self._desk.places)
        place = lot.places[0]
        body = renamed(self._desk, caller, place, lot.body)
        async with self._desk.charging.batch(exchange, caller, place.provider, lot.counts) as taken:
            said = await self._desk.relay.ask(place, _request(exchange, place, "POST", "", body))
            copies = tuple(Copy(one.digest, _id_of(said)) for one in lot.places)
            taken.id = self._desk.seal.close(MESSAGE_BATCH, Ref(owner, copies))
        kept = load(_TABLE).Kept(
            id=taken.id,
            kind=MESSAGE_BATCH.name,
            owner=owner.hex(),
            created_at=datetime.fromtimestamp(self._desk.clock.now(), UTC),
            body=msgspec.json.encode(_named(said, taken.id)).decode(),
            payer=self._desk.billing.payer(exchange, caller),
        )
        await load(_TABLE).keep(await self._desk.store.open(), kept)
        self._respond(exchange, _named(said, taken.id))

    async def read(self, exchange: Exchange, params: Mapping[str, str]) -> None:
        """Say how far a batch is."""
        self._respond(exchange, await self._now(exchange, params["batch"]))

    async def cancel(self, exchange: Exchange, params: Mapping[str, str]) -> None:
        """Cancel a batch; what was answered until then is paid for."""
        self._respond(exchange, await self._now(exchange, params["batch"], "POST", "/cancel"))

    async def delete(self, exchange: Exchange, params: Mapping[str, str]) -> None:
        """Delete a batch that is over."""
        name = params["batch"]
        await self._paid(exchange, name)
        place, at = self._place(exchange, name)
        said = await self._desk.relay.ask(place, _request(exchange, place, "DELETE", f"/{at}"))
        await load(_TABLE).forget(await self._desk.store.open(), name)
        self._respond(exchange, said | {"id": name})

    async def results(self, exchange: Exchange, params: Mapping[str, str]) -> None:
        """Hand on the answers of a batch, a line each; they are paid for before."""
        name = params["batch"]
        await self._paid(exchange, name)
        places, at = self._places(exchange, name)
        models = [place.model for place in places]
        request = _request(exchange, places[0], "GET", f"/{at}/results")
        guards, client = self._desk.guards(), exchange
        if guards is not None:
            client = guards.earlier(exchange).lines(lambda model: places[nearest(models, model)].group or "")
        await self._desk.relay.convey(client, places[0], request, functools.partial(content_head, exchange))

    async def page(self, exchange: Exchange, _params: Mapping[str, str]) -> None:
        """List the batches of the caller, the latest first. Raises InvalidRequest."""
        query = dict(parse_qsl(exchange.query.decode("ascii", "replace")))
        limit, before, after = _limit(query.get("limit")), query.get("before_id"), query.get("after_id")
        if before and after:
            raise InvalidRequest("before_id and after_id exclude each other", param="before_id")
        found = await load(_TABLE).page(
            await self._desk.store.open(),
            MESSAGE_BATCH.name,
            owner_of(_caller(exchange)).hex(),
            after=before or after,
            limit=limit + 1,
            ascending=bool(before),
        )
        known = [msgspec.json.decode(kept.body) for kept in found[:limit]]
        if before:
            known.reverse()
        now = await asyncio.gather(*(self._looked_at(exchange, one) for one in known[:_SHOWN]))
        data = [self._told(exchange, one) for one in (*now, *known[_SHOWN:])]
        ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
        self._respond(exchange, {"data": data, "has_more": len(found) > limit, **ends})

    # -- one batch -----------------------------------------------------------------------------------------------------

    def _places(self, exchange: Exchange, name: str) -> tuple[Sequence[Place], str]:
        """Return the places of a batch that are known, the first to be asked, and its id there.

        Raises ObjectNotFound for what is not the caller's, and InvalidRequest where no place is left.
        """
        ref = self._desk.seal.open(MESSAGE_BATCH, name, _caller(exchange))
        known = [place for place in (self._desk.places.known(copy.place) for copy in ref.copies) if place is not None]
        ready = [place for place in known if place.unready is None]
        if not ready:
            raise InvalidRequest("the deployment that this batch lies at is not in the configuration any more")
        return ready, quote(ref.copies[0].id, safe="")

    def _place(self, exchange: Exchange, name: str) -> tuple[Place, str]:
        places, at = self._places(exchange, name)
        return places[0], at

    async def _now(self, exchange: Exchange, name: str, method: str = "GET", suffix: str = "") -> Json:
        """Return what an upstream says of a batch, by the name that clients know; have it paid for once it is over."""
        places, at = self._places(exchange, name)
        said = await self._desk.relay.ask(places[0], _request(exchange, places[0], method, f"/{at}{suffix}"))
        if said.get("processing_status") in (MESSAGE_BATCH.ends or ()):
            who = await self._desk.settle(exchange, name, lambda: self._reckon(exchange, places, at, said))
            if who is not None and _has_results(said):
                fetch = functools.partial(
                    self._desk.relay.fetch, places[0], _request(exchange, places[0], "GET", f"/{at}/results")
                )
                self._desk.tell(Origin(name, int(time.time()), places, {}), who, Files(None, [fetch]))
        named = _named(said, name)
        await load(_TABLE).renew(await self._desk.store.open(), name, msgspec.json.encode(named).decode())
        return named

    async def _looked_at(self, exchange: Exchange, known: Json) -> Json:
        """Return what a batch is like now; what was known of it where nobody says."""
        if known.get("processing_status") in (MESSAGE_BATCH.ends or ()):
            return known
        try:
            return await self._now(exchange, known["id"])
        except TianjiError:
            return known

    async def _paid(self, exchange: Exchange, name: str) -> None:
        """See to it that a batch is paid for if it is over."""
        self._desk.seal.open(MESSAGE_BATCH, name, _caller(exchange))
        known = await load(_TABLE).find(await self._desk.store.open(), name)
        if known is not None and known.payer is not None:
            await self._now(exchange, name)

    async def _reckon(
        self, exchange: Exchange, places: Sequence[Place], at: str, batch: Json
    ) -> list[tuple[Place, Bill]]:
        """Return what the answers of a batch cost. Raises what the place refuses with, or why it did not answer."""
        tally = Tally(places, int(time.time()))
        if _has_results(batch):
            request = _request(exchange, places[0], "GET", f"/{at}/results")
            await self._desk.relay.convey(SilentExchange("", b"", None), places[0], request, _flowing, tally)
            if not tally.whole:
                raise UpstreamProtocolError("the upstream's list of results broke off")
        return tally.bills()

    # -- answers -------------------------------------------------------------------------------------------------------

    def _told(self, exchange: Exchange, batch: Json) -> Json:
        """Return a batch with where its results are, by the address at which the client finds the gateway."""
        if not batch.get("results_url"):
            return batch
        address = own_address(exchange, self._desk.places.snapshot.environ)
        return batch | {"results_url": address + batch["results_url"]}

    def _respond(self, exchange: Exchange, answer: Json) -> None:
        respond_json(exchange, self._told(exchange, answer), 200, call_id_headers(exchange, compatible=True))


def _has_results(batch: Json) -> bool:
    return bool(batch.get("results_url")) and not batch.get("archived_at")


def _caller(exchange: Exchange) -> Identity:
    if not isinstance(exchange.identity, Identity):
        raise TypeError("batches need a caller")
    return exchange.identity


def _request(exchange: Exchange, place: Place, method: str, suffix: str, body: bytes | None = None) -> Request:
    headers = [pair for pair in exchange.headers if pair[0] == _VERSION]
    flags = [value for name, value in (*place.headers, *exchange.headers) if name == _BETA]
    if flags:
        headers.append((_BETA, b",".join(dict.fromkeys(flag.strip() for one in flags for flag in one.split(b",")))))
    if body is None:
        return Request(method, PATH + suffix, "", tuple(headers), length=0 if method == "POST" else None)
    return Request(method, PATH + suffix, "", (*headers, _JSON), (body,), len(body))


def _id_of(said: Json) -> str:
    """Return what an upstream calls a batch. Raises UpstreamProtocolError."""
    name = said.get("id")
    if not isinstance(name, str) or not name:
        raise UpstreamProtocolError("the upstream's answer is no batch: it has no id")
    return name


def _named(said: Json, name: str) -> Json:
    """Return a batch under the name that clients know; where its results are without the gateway's address."""
    return said | {"id": name, "results_url": f"{PATH}/{name}/results" if said.get("results_url") else None}


def _limit(text: str | None) -> int:
    """Return how many batches a list may have. Raises InvalidRequest."""
    if text is None:
        return _USUAL
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _MOST:
        raise InvalidRequest(f"limit: expected a number from 1 to {_MOST}", param="limit")
    return int(text)


def _flowing(_status: int, _headers: list[Header]) -> list[Header]:
    """Have an answer flow, to be looked at on its way."""
    return []
