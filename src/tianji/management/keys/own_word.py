"""Code of the operator's own that says which keys are made and how they change, out of a file beside the configuration.

`custom_key_generate` and `custom_key_update` are written as for LiteLLM's proxy: they are shown what is asked for, and
return `{"decision": bool, "message": str}` (https://docs.litellm.ai/docs/proxy/virtual_keys).
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import UNSET

from tianji.errors import PermissionDenied, ProviderUnavailable
from tianji.hooks.apart import apart
from tianji.hooks.callers import refusal
from tianji.hooks.calling import place, spoken
from tianji.hooks.code import find
from tianji.hooks.standins import GenerateKeyRequest
from tianji.management.desk import Call
from tianji.management.keys.fields import KeyFields

PATIENCE: Final = 10.0  # seconds that the code may take; meanwhile nobody else can change anything
log: Final = logging.getLogger("tianji.hooks")


async def require(call: Call, setting: Literal["custom_key_generate", "custom_key_update"], body: KeyFields) -> None:
    """Let a request pass that the code allows, or where there is none.

    Raises PermissionDenied (403) with its message, what it raises itself, and ProviderUnavailable (503) where it fails.
    """
    dotted: str | None = getattr(call.config.general_settings, setting)
    if dotted is None:
        return
    said = await _asked(call, dotted, body)
    if not said.get("decision", True):
        raise PermissionDenied(str(said.get("message") or "the operator's own code does not allow it"))


async def _asked(call: Call, dotted: str, body: KeyFields) -> Mapping[str, Any]:
    fields = ((name, getattr(body, name)) for name in body.__struct_fields__)
    shown = GenerateKeyRequest((name, None if value is UNSET else value) for name, value in fields)
    folder = call.office.folder()
    try:
        code = await asyncio.to_thread(find, folder, dotted)
        async with asyncio.timeout(PATIENCE):
            said = await asyncio.wrap_future(apart().begin(spoken(code, shown)))
        if isinstance(said, Mapping):
            return said
        raise TypeError(f"it returns {type(said).__name__}, and no object with a decision")
    except Exception as error:
        if (refused := refusal(error)) is not None:
            raise refused from error
        log.error("%s failed at %s: %s: %s", dotted, place(error, folder), type(error).__name__, error)
        raise ProviderUnavailable("this gateway's own code for keys failed; its log says why") from error
