"""Code of the operator's own that judges what management is asked to store, out of a file beside the configuration.

All of it is written as for LiteLLM's proxy. `custom_key_generate` and `custom_key_update` are shown what is asked for,
`custom_key_policy` is shown the key as it would be stored, too, and they return `{"decision": bool, "message": str}`
(https://docs.litellm.ai/docs/proxy/virtual_keys). `custom_team_metadata_validate` is shown the metadata of a team, and
returns `{"valid": bool, "error_message": str}`.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import UNSET, Struct

from tianji.errors import PermissionDenied, ProviderUnavailable, Unacceptable
from tianji.hooks.apart import apart
from tianji.hooks.callers import refusal
from tianji.hooks.calling import place, spoken
from tianji.hooks.code import find
from tianji.hooks.standins import GenerateKeyRequest, answer
from tianji.management.desk import Call, Row
from tianji.management.wire import shown

PATIENCE: Final = 10.0  # seconds that the code may take; meanwhile nobody else can change anything
OF_TEAMS: Final = 5.0  # the same of metadata, where the configuration does not say it
log: Final = logging.getLogger("tianji.hooks")


async def require(call: Call, setting: Literal["custom_key_generate", "custom_key_update"], body: Struct) -> None:
    """Let a request pass that the code allows, or where there is none.

    Raises PermissionDenied (403) with its message, what it raises itself, and ProviderUnavailable (503) where it fails.
    """
    dotted: str | None = getattr(call.config.general_settings, setting)
    if dotted is not None:
        _require_decision(await _asked(call, dotted, _requested(body)))


async def require_key(
    call: Call, operation: Literal["generate", "update", "regenerate"], body: Struct, values: Row, before: Row | None
) -> None:
    """Let a key be stored that `custom_key_policy` allows: `values` over what it was before. Raises as `require`."""
    dotted = call.config.general_settings.custom_key_policy
    if dotted is None:
        return
    existing = None if before is None else answer(shown(before))
    effective = answer(shown({**(before or {}), **values}))
    asked = GenerateKeyRequest(
        operation=operation, existing_key=existing, effective_key=effective, request=_requested(body)
    )
    _require_decision(await _asked(call, dotted, asked))


async def require_metadata(call: Call, values: Row, before: Row | None) -> None:
    """Let a team have metadata that `custom_team_metadata_validate` finds valid; None before for a team that is new.

    Raises Unacceptable (400) with its message, and ProviderUnavailable (503) where it fails or takes too long.
    """
    general = call.config.general_settings
    dotted = general.custom_team_metadata_validate
    if dotted is None or (before is not None and "metadata" not in values):
        return
    caller, alias = call.caller, values.get("team_alias")
    payload = GenerateKeyRequest(
        operation="create" if before is None else "update",
        metadata=answer(values.get("metadata") or {}),
        existing_metadata=None if before is None else answer(before["metadata"] or {}),
        team_id=values.get("team_id") if before is None else before["team_id"],
        team_alias=before["team_alias"] if alias is None and before is not None else alias,
        requester=answer({"user_id": caller.user_id, "user_role": caller.role and caller.role.value}),
    )
    try:
        said = await _asked(call, dotted, payload, general.team_metadata_validation_timeout or OF_TEAMS)
    except ProviderUnavailable as error:
        if general.team_metadata_validation_error_message:
            raise ProviderUnavailable(general.team_metadata_validation_error_message) from error
        raise
    if not said.get("valid"):
        raise Unacceptable(
            str(said.get("error_message") or "the operator's own code does not allow it"), param="metadata"
        )


def _requested(body: Struct) -> GenerateKeyRequest:
    fields = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return GenerateKeyRequest((name, None if value is UNSET else value) for name, value in fields)


def _require_decision(said: Mapping[str, Any]) -> None:
    if not said.get("decision", True):
        raise PermissionDenied(str(said.get("message") or "the operator's own code does not allow it"))


async def _asked(
    call: Call, dotted: str, shown_to_it: GenerateKeyRequest, patience: float = PATIENCE
) -> Mapping[str, Any]:
    folder = call.office.folder()
    try:
        code = await asyncio.to_thread(find, folder, dotted)
        async with asyncio.timeout(patience):
            said = await asyncio.wrap_future(apart().begin(spoken(code, shown_to_it)))
        if isinstance(said, Mapping):
            return said
        raise TypeError(f"it returns {type(said).__name__}, and no object with a decision")
    except Exception as error:
        if (refused := refusal(error)) is not None:
            raise refused from error
        log.error("%s failed at %s: %s: %s", dotted, place(error, folder), type(error).__name__, error)
        raise ProviderUnavailable("this gateway's own code for management failed; its log says why") from error
