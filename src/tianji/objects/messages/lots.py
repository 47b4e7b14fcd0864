"""The requests of a batch of messages, read: where they go, and what they come to.

https://docs.anthropic.com/en/api/creating-message-batches
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from tianji.auth.identity import Identity
from tianji.errors import InvalidRequest, MalformedJSON
from tianji.objects.lines import BYTES_A_TOKEN, Counted
from tianji.objects.places import Place, Places
from tianji.objects.uploading import OURS

_ASKED: Final = ("system", "messages")
BODY: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REQUESTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class Lot(Struct):
    """The requests of a batch: the places of their models, what there is for each group, and the body that is sent."""

    places: list[Place]
    counts: dict[str, Counted]
    body: bytes


def lot_of(body: bytes, caller: Identity, places: Places) -> Lot:
    """Read what is to be answered; models get the names that their upstream knows.

    Raises InvalidRequest, MalformedJSON, UnknownModel and what the caller is refused with.
    """
    members, requests = read(body)
    most = places.snapshot.config.general_settings.max_batch_file_records
    if most is not None and len(requests) > most:
        raise InvalidRequest(f"a batch may have {most} requests; split it", param="requests")
    asked = list(_asked(requests))
    chosen = _chosen({model: places.batching(model, caller) for model in dict.fromkeys(model for model, _ in asked)})
    counts: dict[str, Counted] = {}
    for request, (model, params) in zip(requests, asked, strict=True):
        place, name = chosen[model]
        counted = counts.setdefault(place.group or "", Counted())
        counted.rows += 1
        size = sum(len(bytes(params[said])) for said in _ASKED if said in params)
        counted.tokens += max(1, size // BYTES_A_TOKEN)
        params["model"] = msgspec.Raw(msgspec.json.encode(name))
        request["params"] = msgspec.Raw(msgspec.json.encode(params))
    told = {name: value for name, value in members.items() if name not in OURS}
    named = {place.digest: place for place, _ in chosen.values()}
    sent = msgspec.json.encode(told | {"requests": msgspec.Raw(msgspec.json.encode(requests))})
    return Lot(list(named.values()), counts, sent)


def read(body: bytes) -> tuple[dict[str, msgspec.Raw], list[dict[str, msgspec.Raw]]]:
    """Return the members of a body, and its requests. Raises InvalidRequest and MalformedJSON."""
    try:
        members = BODY.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not a JSON object: {error}") from None
    try:
        requests = _REQUESTS.decode(members.get("requests", b"[]"))
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"requests: {error}", param="requests") from None
    if not requests:
        raise InvalidRequest("requests: expected an array of requests, one at least", param="requests")
    return members, requests


def _asked(requests: Sequence[Mapping[str, msgspec.Raw]]) -> Iterator[tuple[str, dict[str, msgspec.Raw]]]:
    """Yield the model of each request and its parameters. Raises InvalidRequest."""
    for number, request in enumerate(requests):
        try:
            params = BODY.decode(request["params"])
            yield msgspec.json.decode(params["model"], type=str), params
        except KeyError as error:
            where = f"requests.{number}" if error.args == ("params",) else f"requests.{number}.params"
            raise InvalidRequest(f"{where}.{error.args[0]}: Field required", param=where) from None
        except msgspec.DecodeError as error:
            raise InvalidRequest(f"requests.{number}.params: {error}", param=f"requests.{number}.params") from None


def _chosen(named: Mapping[str, Sequence[tuple[Place, str]]]) -> dict[str, tuple[Place, str]]:
    """Return a place for each model, all of one account. Raises InvalidRequest where there is none."""
    (first, candidates), *others = named.items()
    accounts = [place.account for place, _ in candidates]
    for model, found in others:
        accounts = [account for account in accounts if any(place.account == account for place, _ in found)]
        if not accounts:
            raise InvalidRequest(
                f"the models {first[:128]!r} and {model[:128]!r} lie at different upstreams; make a batch for each",
                param="requests",
            )
    return {
        model: next((place, name) for place, name in found if place.account == accounts[0])
        for model, found in named.items()
    }
