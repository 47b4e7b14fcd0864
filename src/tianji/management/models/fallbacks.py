"""Fallbacks that are changed while the gateway serves. Those of the configuration file stay what they are."""

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.additions import FallbackKind, in_file
from tianji.errors import ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.models.deployments import require_kept
from tianji.storage.tables import FALLBACKS


class Fallback(Struct, kw_only=True):
    """Where requests for a model go when it fails, in this order."""

    model: str
    fallback_models: list[str]
    fallback_type: FallbackKind = "general"


class Kind(Struct, kw_only=True):
    """Which failures are meant."""

    fallback_type: FallbackKind = "general"


async def new(call: Call) -> Row:
    """Set the fallbacks of a model."""
    body = call.body(Fallback)
    require_kept(call)
    _require_own(call, body.model, body.fallback_type)
    targets = list(dict.fromkeys(body.fallback_models))
    if not targets:
        raise Unacceptable(
            "fallback_models is empty; DELETE /fallback/{model} takes fallbacks away", param="fallback_models"
        )
    unknown = [name for name in (body.model, *targets) if not call.office.fleet.snapshot().serves(name)]
    if unknown:
        raise Unacceptable(
            f"no model is called {unknown[0][:128]!r}; GET /v1/models lists those that there are", param="model"
        )
    if body.model in targets:
        raise Unacceptable("a model cannot be its own fallback; leave it out", param="fallback_models")
    where = {"model": body.model, "fallback_type": body.fallback_type}
    call.changed.add(CHANGED)
    if await call.one(FALLBACKS, **where) is None:
        await call.insert(FALLBACKS, **where, fallback_models=targets)
    else:
        await call.update(FALLBACKS, where, fallback_models=targets)
    return {**where, "fallback_models": targets, "message": f"Fallback configured for {body.model}"}


async def info(call: Call) -> Row:
    """Say which fallbacks a model has, out of the file or out of the database."""
    kind = call.questions(Kind).fallback_type
    model = call.params["model"]
    for rule in in_file(call.config, kind):  # the configuration in force: the file's and the database's
        if model in rule:
            return {"model": model, "fallback_models": rule[model], "fallback_type": kind}
    raise ObjectNotFound("this model has no fallbacks of this type; POST /fallback sets them", param="model")


async def delete(call: Call) -> Row:
    """Take the fallbacks of a model away."""
    kind = call.questions(Kind).fallback_type
    model = call.params["model"]
    require_kept(call)
    if await call.one(FALLBACKS, model=model, fallback_type=kind) is None:
        _require_own(call, model, kind)
        raise ObjectNotFound("this model has no fallbacks of this type", param="model")
    call.changed.add(CHANGED)
    here = (FALLBACKS.c.model == model, FALLBACKS.c.fallback_type == kind)
    await call.execute(sa.delete(FALLBACKS).where(*here))
    return {"model": model, "fallback_type": kind, "message": f"Fallback deleted for {model}"}


def _require_own(call: Call, model: str, kind: FallbackKind) -> None:
    if any(model in rule for rule in in_file(call.office.fleet.file(), kind)):
        raise Unacceptable(
            "the fallbacks of this model stand in the configuration file: change them there", param="model"
        )
