"""Access groups: names that stand for several models, kept in the deployments of the database."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.tags import MODELS as CHANGED
from tianji.errors import Conflict, ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.models.deployments import require_kept
from tianji.storage.tables import MODELS


class Members(Struct, kw_only=True):
    """Which models are in a group, by name, or which deployments, by id."""

    model_names: list[str] | None = None
    model_ids: list[str] | None = None


class Group(Members, kw_only=True):
    """A new group."""

    access_group: str


async def new(call: Call) -> Row:
    """Make a group of models."""
    body = call.body(Group)
    require_kept(call)
    if not body.access_group.strip():
        raise Unacceptable("access_group is empty; name the group", param="access_group")
    if body.access_group in call.office.groups():
        raise Conflict("this access group exists already; change it with /access_group/{name}/update")
    chosen = await _chosen(call, body)
    return {
        "access_group": body.access_group,
        "model_names": body.model_names,
        "model_ids": body.model_ids,
        "models_updated": await _set(call, body.access_group, chosen),
    }


async def update(call: Call) -> Row:
    """Put other models in the place of those that a group has."""
    name = _existing(call)
    body = call.body(Members)
    require_kept(call)
    chosen = await _chosen(call, body)
    return {
        "access_group": name,
        "model_names": body.model_names,
        "model_ids": body.model_ids,
        "models_updated": await _set(call, name, chosen),
    }


async def delete(call: Call) -> Row:
    """Dissolve a group; its models stay."""
    name = _existing(call)
    require_kept(call)
    return {
        "access_group": name,
        "models_updated": await _set(call, name, frozenset()),
        "message": f"Access group '{name}' deleted successfully",
    }


async def listed(call: Call) -> Row:
    """List all groups."""
    return {"access_groups": [_told(call, name) for name in sorted(call.office.groups())]}


async def info(call: Call) -> Row:
    """Describe a group."""
    return _told(call, _wanted(call))


def _wanted(call: Call) -> str:
    name = call.params["access_group"]
    if name not in call.office.groups():
        raise ObjectNotFound("this access group does not exist; GET /access_group/list lists those that do")
    return name


def _existing(call: Call) -> str:
    """Return the name of a group that may be changed: one that the file does not make."""
    name = _wanted(call)
    if any(not entry.info.db_model and name in entry.info.access_groups for entry in call.config.model_list):
        raise Unacceptable("the configuration file puts models into this group: change it there", param="access_group")
    return name


def _told(call: Call, name: str) -> Row:
    held = [entry for entry in call.config.model_list if name in entry.info.access_groups]
    names = list(dict.fromkeys(entry.model_name for entry in held))
    return {"access_group": name, "model_names": names, "deployment_count": len(held)}


async def _chosen(call: Call, body: Members) -> frozenset[str]:
    """Return the ids of the deployments that are meant. Raises Unacceptable for what the database does not have."""
    rows = await call.all(sa.select(MODELS))
    wanted_names, wanted_ids = body.model_names or [], body.model_ids or []
    if not wanted_names and not wanted_ids:
        raise Unacceptable("model_names is empty; name the models of the group", param="model_names")
    for wanted, known, param in (
        (wanted_names, {row["model_name"] for row in rows}, "model_names"),
        (wanted_ids, {row["model_id"] for row in rows}, "model_ids"),
    ):
        missing = [name for name in wanted if name not in known]
        if missing:
            shown = ", ".join(missing)[:200]
            raise Unacceptable(
                f"not in the database: {shown}; models of the file get model_info.access_groups there", param=param
            )
    return frozenset(
        row["model_id"] for row in rows if row["model_name"] in wanted_names or row["model_id"] in wanted_ids
    )


async def _set(call: Call, group: str, chosen: frozenset[str]) -> int:
    """Put exactly these deployments into a group and return how many changed."""
    count = 0
    for row in await call.all(sa.select(MODELS)):
        held = _groups(row["model_info"] or {})
        if (group in held) == (row["model_id"] in chosen):
            continue
        left = [name for name in held if name != group] + [group] * (row["model_id"] in chosen)
        info = {**(row["model_info"] or {}), "access_groups": left}
        await call.update(MODELS, {"model_id": row["model_id"]}, model_info=info)
        count += 1
    call.changed.add(CHANGED)
    return count


def _groups(info: Mapping[str, object]) -> list[str]:
    held = info.get("access_groups") or []
    if isinstance(held, str):
        return [held]
    return [str(name) for name in held] if isinstance(held, Iterable) else []
