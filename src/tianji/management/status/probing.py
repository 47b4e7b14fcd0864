"""Deployments asked whether they answer: those of the configuration in force, and one that somebody only thinks of."""

import asyncio
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tianji._core.upstreams.pool import Pool
from tianji.auth.identity import Identity
from tianji.config.additions import Additions, Stored
from tianji.config.environment import REFERENCE
from tianji.config.loader import Loaded
from tianji.egress.ways import ways_out
from tianji.errors import MalformedJSON, SchemaViolation, Unacceptable
from tianji.gateway.additions.admitting import trial
from tianji.gateway.additions.destinations import Destinations
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.upkeep.checkups import Verdict
from tianji.gateway.upkeep.probes import QUESTIONS, ask, look
from tianji.management.status.health import Probe


class Connection(Struct, kw_only=True):
    """A deployment of which somebody wants to know whether it answers; `mode`: what it is asked."""

    litellm_params: dict[str, Any]
    model_info: dict[str, Any] | None = None
    mode: str | None = None


async def probed(
    snapshot: Snapshot, pool: Pool, caller: Identity, model: str | None, model_id: str | None
) -> list[Probe]:
    """Call the deployments that the caller may use, all of them or those that the two names pick."""
    names = [model]
    if caller.rules:  # a key calls what it may use, here as everywhere
        names = [name for name in snapshot.members if model in (None, name) and caller.admits(name) is None]
    verdicts = await asyncio.gather(*(look(snapshot, pool, name, model_id) for name in names))
    full = snapshot.config.general_settings.health_check_details
    found = [shown(verdict) for verdict in itertools.chain(*verdicts)]
    return found if full else [Probe(model=one.model, model_id=one.model_id, healthy=one.healthy) for one in found]


def shown(verdict: Verdict) -> Probe:
    """Return what a call showed, for the routes of health."""
    return Probe(
        model=f"{verdict.deployment.provider}/{verdict.deployment.model}",
        model_id=verdict.deployment.id,
        healthy=verdict.error is None,
        api_base=verdict.deployment.api_base,
        error=verdict.error,
        headers=verdict.rate_limits,
    )


async def tried(body: bytes, loaded: Loaded, additions: Additions, snapshot: Snapshot, pool: Pool) -> dict[str, Any]:
    """Ask the deployment that a body describes, or the one in force that it names by id or model and says no more of.

    One that is described gets no credentials but those that it says or names, and has to lie where a deployment of the
    database may. Raises MalformedJSON, SchemaViolation, and Unacceptable where it could not be served at all.
    """
    said = _read(body)
    params = {name: value for name, value in said.litellm_params.items() if value is not None}
    ident = (said.model_info or {}).get("id")
    known = _known(snapshot, params.get("model"), ident) if params.keys() <= {"model"} else None
    if known is not None:
        verdict = await ask(snapshot, pool, known, said.mode)
    else:
        verdict = await _of_described(said, params, loaded, additions)
    if verdict is None:
        raise Unacceptable("a pattern is no model that could be asked; name one", param="litellm_params")
    found = shown(verdict)
    result = {"model": found.model, "api_base": found.api_base, **found.headers}
    if found.error is not None:
        result["error"] = found.error
    return {"status": "success" if found.healthy else "error", "result": result}


def _read(body: bytes) -> Connection:
    try:
        said = msgspec.json.decode(body or b"{}", type=Connection)
    except msgspec.ValidationError as error:
        raise SchemaViolation(str(error), ("body",)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedJSON(f"the body is not JSON: {error}") from None
    if said.mode is not None and said.mode not in QUESTIONS:
        raise Unacceptable(f"mode is one of {', '.join(QUESTIONS)}", param="mode")
    if _refers(said.litellm_params):
        raise Unacceptable("say values themselves: references are for the configuration file", param="litellm_params")
    return said


def _refers(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_refers, value.values()))
    if isinstance(value, list):
        return any(map(_refers, value))
    return isinstance(value, str) and value.startswith(REFERENCE)


def _known(snapshot: Snapshot, model: object, ident: object) -> str | None:
    """Return the id of the deployment that is meant: by its id, by its public name, or by its upstream's."""
    entries = [entry for pairs in snapshot.members.values() for entry, _ in pairs]
    if ident is not None:
        return next((entry.id for entry in entries if entry.id == ident), None)
    named = [entry.id for entry in entries if entry.model_name == model]
    return next(iter([*named, *(entry.id for entry in entries if entry.params.model == model)]), None)


async def _of_described(
    said: Connection, params: Mapping[str, Any], loaded: Loaded, additions: Additions
) -> Verdict | None:
    info = {name: value for name, value in (said.model_info or {}).items() if name != "id" and value is not None}
    stored = Stored(id=str(uuid.uuid4()), name=str(params.get("model")), params=params, info=info)
    snapshot, why = await asyncio.to_thread(trial, loaded, additions, stored)
    if snapshot is None:
        raise Unacceptable(why or "it is for another environment", param="litellm_params")
    destinations = Destinations()
    destinations.renew(snapshot.config, snapshot.members)
    _, pool = ways_out(asyncio.get_running_loop(), destinations.check)
    try:
        return await ask(snapshot, pool, stored.id, said.mode)
    finally:
        pool.close()
