"""What requests would cost, or have cost, by the prices that hold now."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Rates
from tianji._core.streams.usage import Usage, estimated_usage, read_usage
from tianji.accounting.counter import Count
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import PriceBook
from tianji.accounting.prices.explain import Explanation, explain_cost
from tianji.auth.identity import Identity
from tianji.errors import ConfigurationError, InvalidRequest, MalformedJSON, ObjectNotFound, UnknownModel
from tianji.gateway.compiled.estimates import rates_of
from tianji.gateway.compiled.snapshot import Snapshot, markup_of
from tianji.money import to_dollars
from tianji.providers.names import parse

_INPUT: Final = ("input", "cache_read", "cache_write", "requests")
_SAMPLE: Final = 10_000  # tokens, to tell what one costs where a prompt is not long
Number = Annotated[int, Meta(ge=0, le=1 << 40)]
Kind = TypeVar("Kind")


class Estimate(Struct, kw_only=True):
    """What one request has, and how many of its kind there are."""

    model: str
    input_tokens: Number = 0
    output_tokens: Number = 0
    num_requests_per_day: Number | None = None
    num_requests_per_month: Number | None = None


class Finished(Struct, kw_only=True):
    """A prompt, or an answer that came."""

    model: str = ""
    messages: list[Any] | None = None
    completion_response: dict[str, Any] | None = None


class Priced(NamedTuple):
    """A model with its prices, and who has it."""

    rates: Rates
    provider: str
    upstream: str


async def estimate(exchange: Exchange, snapshot: Snapshot) -> dict[str, object]:
    """Say what requests with so many tokens cost. Raises what `_priced` does."""
    asked = _read(exchange.body, Estimate)
    return _estimated(asked, await _priced(exchange, snapshot, asked.model))


async def calculate(
    exchange: Exchange, snapshot: Snapshot, count: Callable[[ObjectSpans, str], Awaitable[Count]]
) -> dict[str, object]:
    """Say what an answer has cost by its usage, else what the prompt costs. Raises what `_priced` does."""
    asked = _read(exchange.body, Finished)
    if asked.completion_response is not None:
        told = asked.completion_response
        usage = read_usage(scan(msgspec.json.encode({"usage": told.get("usage")})))
        if usage is None:
            raise InvalidRequest("completion_response: has no usage", param="completion_response")
        priced = await _priced(exchange, snapshot, asked.model or str(told.get("model") or ""))
        return _cost(priced, usage)
    if asked.messages is None:
        raise InvalidRequest("say model and messages, or completion_response", param="messages")
    priced = await _priced(exchange, snapshot, asked.model)
    return _cost(priced, estimated_usage((await count(scan(exchange.body), priced.upstream)).tokens, 0))


def _cost(priced: Priced, usage: Usage) -> dict[str, object]:
    return {"cost": to_dollars(explain_cost(priced.rates, usage, int(time.time())).total)}


async def _priced(exchange: Exchange, snapshot: Snapshot, name: str) -> Priced:
    """Return what a model costs: one that is served, else one of the catalogue.

    Raises ObjectNotFound where nobody knows a price, and ModelRefused for a model that is not the caller's.
    """
    caller = exchange.identity
    routed = caller.target(name) if isinstance(caller, Identity) else name
    try:
        group, resolution = snapshot.find(routed)
    except UnknownModel:
        found = await asyncio.to_thread(_listed, snapshot, name)
    else:
        if isinstance(caller, Identity):
            caller.require(routed)
        first = group.deployments[0]
        upstream = first.model if resolution is None else resolution.upstream_model(first.model)
        found = rates_of(first, resolution), first.provider, upstream
    if found is None or found[0] is None or not found[0].known:
        raise ObjectNotFound(f"nobody knows what the model {name[:128]!r} costs", param="model")
    return Priced(found[0], *found[1:])


def _listed(snapshot: Snapshot, name: str) -> tuple[Rates | None, str, str] | None:
    try:
        provider, model = parse(name)
    except ConfigurationError:
        return None
    book = PriceBook(Catalogue.current(snapshot.environ), markup_of(snapshot.config))
    return book.listed(provider, model), provider, model


def _estimated(asked: Estimate, priced: Priced) -> dict[str, object]:
    now = int(time.time())
    one = explain_cost(priced.rates, estimated_usage(asked.input_tokens, asked.output_tokens), now)
    each = [explain_cost(priced.rates, estimated_usage(*tokens), now) for tokens in ((_SAMPLE, 0), (0, _SAMPLE))]
    parts = _parts(one)
    told: dict[str, object] = {
        **msgspec.structs.asdict(asked),
        **{f"{name}cost_per_request": to_dollars(value) for name, value in parts.items()},
    }
    for times, span in ((asked.num_requests_per_day, "daily"), (asked.num_requests_per_month, "monthly")):
        told |= {
            f"{span}_{name}cost": None if times is None else to_dollars(value * times) for name, value in parts.items()
        }
    prompt, answer = (to_dollars(one.list_total) / _SAMPLE for one in each)
    return told | {
        "input_cost_per_token": prompt,
        "output_cost_per_token": answer,
        "provider": priced.provider,
    }


def _parts(one: Explanation) -> Mapping[str, int]:
    """Return what a request costs and what of that is for what, in nano-dollars."""
    prompt = one.part(*_INPUT)
    return {
        "": one.total,
        "input_": prompt,
        "output_": one.list_total - prompt,
        "margin_": one.difference,
    }


def _read(body: bytes, kind: type[Kind]) -> Kind:
    """Return a body as `kind`. Raises MalformedJSON, and InvalidRequest for another one."""
    scan(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None
    except msgspec.DecodeError as error:
        raise MalformedJSON(f"the body is not JSON that holds text: {error}") from None
