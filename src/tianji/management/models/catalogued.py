"""What the catalogue says of a model, whether the gateway serves it or not, and which catalogue that is."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tianji.accounting.prices.catalogue import PACKAGED, Catalogue, Entry
from tianji.errors import ObjectNotFound
from tianji.management.desk import Call, Row


class Named(Struct, kw_only=True):
    """Which model is meant."""

    model: str
    custom_llm_provider: str | None = None


async def info(call: Call) -> Row:
    """Describe a model by the catalogue. Raises ObjectNotFound (404) where that does not know it."""
    wanted = call.questions(Named)
    found = await asyncio.to_thread(_found, Catalogue.current(call.office.environ()), wanted)
    if found is None:
        raise ObjectNotFound(f"the catalogue has no model {wanted.model[:128]!r}", param="model")
    name, entry = found
    return {
        "model": wanted.model,
        "custom_llm_provider": entry.get("litellm_provider"),
        "model_info": {"key": name, **{member: _number(value) for member, value in entry.items()}},
    }


async def source(call: Call) -> Row:
    """Say which catalogue prices come from."""
    catalogue = Catalogue.current(call.office.environ())
    return {
        "source": "local",
        "url": None,
        "is_env_forced": False,
        "fallback_reason": None,
        "source_revision": catalogue.version,
        "installed": catalogue.file != PACKAGED,
        "model_count": await asyncio.to_thread(lambda: sum(1 for _ in catalogue.models())),
    }


def _found(catalogue: Catalogue, wanted: Named) -> tuple[str, Entry] | None:
    provider = wanted.custom_llm_provider
    bare = wanted.model.removeprefix(f"{provider}/") if provider else wanted.model.rpartition("/")[2]
    names = (f"{provider}/{bare}", bare) if provider else (wanted.model, bare)

    def fits(_name: str, entry: Mapping[str, Any]) -> bool:
        return provider is None or str(entry.get("litellm_provider", "")).startswith(provider)

    return catalogue.find(dict.fromkeys(names), fits)


def _number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value
