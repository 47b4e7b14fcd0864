"""Prompts of the database, in versions; those of the file stand beside them in lists.

Who uses prompts is not who keeps them: administrators do, and a key sees those that it may use alone. Parameters are
kept encrypted, since they may hold the key of a source, and what of them is secret is never shown.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.schema.sections import Prompt
from tianji.errors import InvalidRequest, ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.prompts import dotprompt
from tianji.prompts.naming import DEVELOPMENT, parted, rank
from tianji.storage.additions import prompt_of, sealed_prompt
from tianji.storage.tables import PROMPTS

MASK: Final = "********"
_SECRET: Final = frozenset(
    {"api_key", "access_token", "app_password", "langfuse_secret", "langfuse_secret_key", "humanloop_api_key"}
)


class Body(Struct, kw_only=True):
    """What may be said of a prompt."""

    prompt_id: str | UnsetType = UNSET
    litellm_params: dict[str, Any] | UnsetType = UNSET
    tianji_params: dict[str, Any] | UnsetType = UNSET
    prompt_info: dict[str, Any] | UnsetType | None = UNSET
    environment: str | UnsetType | None = UNSET

    @property
    def params(self) -> Row | None:
        """Return the parameters; None where nothing is said of them."""
        found = self.litellm_params if self.tianji_params is UNSET else self.tianji_params
        return None if found is UNSET else found


async def listed(call: Call) -> Row:
    """List prompts, the latest version of each environment: all to administrators, to a key those that it may use."""
    wanted, known = call.query.get("environment"), _allowed(call)
    latest: dict[tuple[str, str], Row] = {}
    for spec in [*map(_of_file, call.office.fleet.file().prompts), *await _stored(call)]:
        at = spec["prompt_id"], spec["environment"]
        if (call.sees_all or spec["prompt_id"] in known) and wanted in (None, spec["environment"]):
            latest[at] = max(latest.get(at, spec), spec, key=lambda one: int(one["version"]))
    return {"prompts": list(latest.values())}


async def versions(call: Call) -> Row:
    """List all versions of a prompt, the newest first."""
    found = await _all(call, call.params["prompt_id"])
    wanted = call.query.get("environment")
    found = [spec for spec in found if wanted in (None, spec["environment"])]
    if not found:
        raise _missing(call.params["prompt_id"])
    return {"prompts": sorted(found, key=lambda spec: int(spec["version"]), reverse=True)}


async def info(call: Call) -> Row:
    """Describe a prompt, and what it says where it is written here."""
    base, version = parted(call.params["prompt_id"])
    if not call.sees_all and base not in _allowed(call):
        raise InvalidRequest(f"Prompt {base} not found", param="prompt_id")
    found = await _all(call, base)
    spec = _picked(found, version, call.query.get("environment"))
    if spec is None:
        raise InvalidRequest(f"Prompt {base} not found", param="prompt_id")
    environments = sorted({one["environment"] for one in found}, key=rank)
    return {"prompt_spec": spec, "raw_prompt_template": _content(spec), "environments": environments}


async def new(call: Call) -> Row:
    """Keep a prompt: a further version where there is one of its id in its environment."""
    said = call.body(Body)
    if said.prompt_id is UNSET or not said.prompt_id or said.params is None:
        raise Unacceptable("a prompt needs a prompt_id and litellm_params", param="prompt_id")
    return await _add(call, parted(said.prompt_id)[0], said)


async def replace(call: Call) -> Row:
    """Make a new version of a prompt."""
    base = parted(call.params["prompt_id"])[0]
    said = call.body(Body)
    if said.params is None:
        raise Unacceptable("litellm_params are missing: say what the prompt is to be", param="litellm_params")
    await _rows(call, base)
    return await _add(call, base, said)


async def update(call: Call) -> Row:
    """Change what was sent of one version of a prompt: that of the path, else the newest."""
    base, version = parted(call.params["prompt_id"])
    rows = await _rows(call, base)
    row = _picked(rows, version, call.query.get("environment"))
    if row is None:
        raise _missing(call.params["prompt_id"])
    before, said = _opened(call, row), call.body(Body)
    after = dict(before)
    if said.params is not None:
        after["litellm_params"] = _unmasked(said.params, before["litellm_params"])
    if said.prompt_info is not UNSET:
        after["prompt_info"] = said.prompt_info or {}
    _require_sound(call, after)
    call.changed.add(CHANGED)
    where = {name: row[name] for name in ("prompt_id", "environment", "version")}
    return _told(after, await call.update(PROMPTS, where, prompt=sealed_prompt(call.salt(), after)))


async def delete(call: Call) -> Row:
    """Take all versions of a prompt away, those of one environment where it is named."""
    base = parted(call.params["prompt_id"])[0]
    await _rows(call, base)
    wanted = call.query.get("environment")
    gone = sa.delete(PROMPTS).where(PROMPTS.c.prompt_id == base)
    if not await call.execute(gone if wanted is None else gone.where(PROMPTS.c.environment == wanted)):
        raise _missing(call.params["prompt_id"])
    call.changed.add(CHANGED)
    return {"message": f"Prompt {base} deleted successfully"}


async def _add(call: Call, base: str, said: Body) -> Row:
    _require_kept(call)
    about = said.prompt_info if isinstance(said.prompt_info, dict) else {}
    environment = str(said.environment or about.get("environment") or DEVELOPMENT)
    newest = await call.all(
        sa.select(sa.func.max(PROMPTS.c.version).label("version"))
        .where(PROMPTS.c.prompt_id == base)
        .where(PROMPTS.c.environment == environment)
    )
    made = {
        "prompt_id": base,
        "environment": environment,
        "version": (newest[0]["version"] or 0) + 1,
        "litellm_params": said.params or {},
        "prompt_info": about,
    }
    _require_sound(call, made)
    call.changed.add(CHANGED)
    where = {name: made[name] for name in ("prompt_id", "environment", "version")}
    row = await call.insert(PROMPTS, **where, prompt=sealed_prompt(call.salt(), made))
    return _told(made, row)


def _require_kept(call: Call) -> None:
    if not call.office.fleet.keeps_prompts():
        raise Unacceptable(
            "prompts are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write the prompt into the configuration"
        )


def _require_sound(call: Call, made: Mapping[str, Any]) -> None:
    objection = call.office.fleet.prompt_objection(made)
    if objection is not None:
        raise Unacceptable(f"this prompt cannot be used: {objection}", param="litellm_params")


async def _rows(call: Call, base: str) -> list[Row]:
    """Return the rows of a prompt that may be changed. Raises ObjectNotFound, and Unacceptable for one of the file."""
    _require_kept(call)
    rows = await call.all(sa.select(PROMPTS).where(PROMPTS.c.prompt_id == base))
    if rows:
        return rows
    if any(parted(one.prompt_id)[0] == base for one in call.office.fleet.file().prompts):
        raise InvalidRequest("this prompt stands in the configuration file: change it there", param="prompt_id")
    raise _missing(base)


async def _stored(call: Call) -> list[Row]:
    rows = await call.all(sa.select(PROMPTS).order_by(PROMPTS.c.prompt_id, PROMPTS.c.version))
    return [_told(_opened(call, row), row) for row in rows]


async def _all(call: Call, name: str) -> list[Row]:
    base = parted(name)[0]
    specs = [*map(_of_file, call.office.fleet.file().prompts), *await _stored(call)]
    return [spec for spec in specs if spec["prompt_id"] == base]


def _picked(specs: list[Row], version: int | None, environment: str | None) -> Row | None:
    """Return the one that a request would get."""
    there = [one for one in specs if environment in (None, one["environment"])]
    first = min((one["environment"] for one in there), key=rank, default=None)
    there = [one for one in there if one["environment"] == first and version in (None, int(one["version"]))]
    return max(there, key=lambda one: int(one["version"]), default=None)


def _allowed(call: Call) -> frozenset[str]:
    known = call.caller.metadata.get("prompts")
    return frozenset(map(str, known)) if isinstance(known, list) else frozenset()


def _opened(call: Call, row: Row) -> Row:
    try:
        return prompt_of(call.salt(), row)
    except ValueError as error:
        raise Unacceptable(f"the prompt {row['prompt_id']} cannot be read: {error}") from error


def _told(prompt: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    return {
        "prompt_id": row["prompt_id"],
        "litellm_params": _masked(prompt["litellm_params"]),
        "prompt_info": {**prompt["prompt_info"], "prompt_type": "db", "environment": row["environment"]},
        "version": row["version"],
        "environment": row["environment"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "created_by": row["created_by"],
    }


def _of_file(prompt: Prompt) -> Row:
    base, version = parted(prompt.prompt_id)
    environment = prompt.environment or prompt.prompt_info.get("environment") or DEVELOPMENT
    params = {name: value for name, value in asdict(prompt.litellm_params).items() if value and name != "extra"}
    return {
        "prompt_id": base,
        "litellm_params": _masked({**prompt.litellm_params.extra, **params}),
        "prompt_info": {**prompt.prompt_info, "prompt_type": "config", "environment": environment},
        "version": prompt.version or version or 1,
        "environment": environment,
        "created_at": None,
        "updated_at": None,
        "created_by": None,
    }


def _content(spec: Row) -> Row | None:
    """Return what is written here of a prompt; None where its source is elsewhere."""
    content = spec["litellm_params"].get("dotprompt_content")
    if not isinstance(content, str):
        return None
    from_head = dotprompt.read(content)
    return {"litellm_prompt_id": spec["prompt_id"], "content": from_head.content, "metadata": from_head.metadata}


def _masked(params: Mapping[str, Any]) -> Row:
    return {name: MASK if name in _SECRET and value else value for name, value in params.items()}


def _unmasked(params: Row, before: Mapping[str, Any]) -> Row:
    """Return parameters with what was kept where somebody sends back what he was shown."""
    return {name: before.get(name) if value == MASK else value for name, value in params.items()}


def _missing(name: str) -> ObjectNotFound:
    return ObjectNotFound(f"there is no prompt {name}: GET /prompts/list lists those that there are")
