"""What keys may be called."""

import re
from typing import Final

from tianji.errors import Unacceptable
from tianji.management.desk import Call, Row
from tianji.storage.tables import KEYS

LONGEST: Final = 255  # characters, where a form is demanded
_PLAIN: Final = r"[a-zA-Z0-9][a-zA-Z0-9_\-/.@]{0,253}[a-zA-Z0-9]"


async def require(call: Call, alias: str | None, before: Row | None) -> None:
    """Refuse with 400 a name that another key has, or that has not the form that the configuration demands.

    `before`: the key as it was; what it is called already may stay. The form is `litellm_settings.key_alias_pattern`,
    or with `enable_key_alias_format_validation` a usual one.
    """
    other = await call.one(KEYS, key_alias=alias)
    if other is not None and (before is None or other["token"] != before["token"]):
        raise Unacceptable(f"key_alias {alias!r} is taken; choose another one", param="key_alias")
    if alias is None or (before is not None and before["key_alias"] == alias):
        return
    settings = call.config.litellm_settings
    pattern = settings.key_alias_pattern or (_PLAIN if settings.enable_key_alias_format_validation else None)
    if pattern is not None and (len(alias) > LONGEST or re.fullmatch(pattern, alias) is None):
        raise Unacceptable(f"key_alias has at most {LONGEST} characters and fits {pattern}", param="key_alias")
