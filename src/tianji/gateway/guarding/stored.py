"""Guardrails of the database: what may be one, since who writes there is not always who writes the configuration."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tianji.config.additions import guardrail_of
from tianji.config.loader import Loaded
from tianji.egress.errands import addresses_in
from tianji.gateway.additions.destinations import objection as address_objection
from tianji.guardrails.building import Unbuildable, build, defaults_of
from tianji.guardrails.entries import read
from tianji.guardrails.vendor import Surroundings


def objection(written: Mapping[str, Any], loaded: Loaded) -> str | None:
    """Say why an entry of the database would be left out; None when it would serve. All its addresses are public."""
    try:
        entry = read(guardrail_of(written))
        guardrail = build(entry, Surroundings(loaded.files[0].parent, loaded.environment), defaults_of(loaded.config))
    except msgspec.ValidationError as error:
        return str(error)
    except Unbuildable as fault:
        return f"{fault.message}; {fault.remedy}" if fault.remedy else fault.message
    guardrail.close()
    return next(filter(None, (address_objection(loaded.config, url) for url in addresses_in(entry.params))), None)
