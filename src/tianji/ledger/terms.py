"""What rows of the ledger have in common: whom they are for, what served them, and at what rates.

Most requests are like another one, so the ledger keeps that once, as an account, and its rows keep the account's
number. Texts come from clients: they are made such that every database keeps and indexes them.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from tianji.ledger.entry import Factor, Item
from tianji.ledger.names import name

LONGEST_TEXT: Final = 2000  # characters of a message
REMEMBERED: Final = 4096  # accounts
COLUMNS: Final = (
    "call_type", "model_group", "model", "provider", "deployment_id", "api_base", "key", "user_id", "team_id",
    "key_alias", "organization_id", "agent_id",
)  # fmt: skip
LATER: Final = ("project_id", "user_agent")
"""Columns that accounts did not always have: one without them has the digest that it had then."""
_NAMES: Final = (*(column for column in COLUMNS if column != "api_base"), *LATER)

_json: Final = msgspec.json.Encoder().encode
_tags: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """The members, in the order in which `tianji._core.journal.sheet` finds them in an entry."""

    call_type: str
    model_group: str
    model: str
    provider: str
    deployment_id: str
    api_base: str
    key: str
    key_alias: str | None
    user_id: str | None
    team_id: str | None
    organization_id: str | None
    agent_id: str | None
    tags: tuple[str, ...]
    items: tuple[tuple[str, int], ...]  # kinds, and atto-dollars for one
    factors: tuple[Factor, Factor] | None
    catalogue: str
    reported: bool
    project_id: str | None = None
    user_agent: str | None = None


class Shared(NamedTuple):
    """The same with the account's row, without its number. Equal ones have the same digest."""

    terms: Terms
    row: dict[str, Any]


class Rates(msgspec.Struct, frozen=True):
    """What a cost comes of beside its quantities, as an account keeps it."""

    items: tuple[tuple[str, int], ...] = ()
    factors: tuple[Factor, Factor] | None = None
    catalogue: str = ""
    reported: bool = False


_decode: Final = msgspec.msgpack.Decoder(Terms).decode
_rates: Final = msgspec.json.Decoder(Rates).decode
_quantities: Final = msgspec.json.Decoder(tuple[int, ...]).decode


@lru_cache(REMEMBERED)
def opened(raw: bytes) -> "Shared":
    """Return what an entry shares, given as msgpack. Raises ValueError for anything else."""
    try:
        terms = _decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    named = {column: None if (text := getattr(terms, column)) is None else name(text) for column in _NAMES}
    tags = tuple(dict.fromkeys(map(name, terms.tags)))
    terms = msgspec.structs.replace(
        terms, **named, tags=tags, api_base=shortened(terms.api_base), catalogue=name(terms.catalogue)
    )
    return Shared(terms, _row(terms))


def _row(terms: Terms) -> dict[str, Any]:
    made: dict[str, Any] = {column: getattr(terms, column) for column in COLUMNS}
    made["tags"] = _json(terms.tags).decode()
    made["rates"] = _json(Rates(terms.items, terms.factors, terms.catalogue, terms.reported)).decode()
    later = [getattr(terms, column) for column in LATER]
    told = later if later[-1] is not None else [] if later[0] is None else later[:1]
    made["digest"] = hashlib.sha256(_json([*made.values(), *told])).hexdigest()[:32]
    return made | dict(zip(LATER, later, strict=True))


def of_row(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an entry that a row of the view `ledger` has from its account."""
    rates = _rates(found["rates"])
    return {
        **{column: found[column] for column in (*COLUMNS, *LATER)},
        "tags": _tags(found["tags"]),
        "items": _items(rates, found["quantities"]),
        "factors": rates.factors,
        "catalogue": rates.catalogue,
        "reported": rates.reported,
    }


def facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the cost of a row comes of, as JSON has it."""
    rates = _rates(found["rates"])
    items = _items(rates, found["quantities"])
    return {"items": items, "factors": rates.factors, "catalogue": rates.catalogue, "reported": rates.reported}


def shortened(text: str) -> str:
    """Return a message as it is kept."""
    return text.replace("\0", "")[:LONGEST_TEXT]


def _items(rates: Rates, quantities: str) -> tuple[Item, ...]:
    counted = zip(rates.items, _quantities(quantities), strict=True)
    return tuple((kind, quantity, rate) for (kind, rate), quantity in counted)
