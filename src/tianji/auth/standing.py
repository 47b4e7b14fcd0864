"""Whether somebody may still come in: whoever provisions users says so, in the metadata of their rows."""

from collections.abc import Mapping
from typing import Any, Final

ACTIVE: Final = "scim_active"


def is_deactivated(user: Mapping[str, Any] | None) -> bool:
    """Whether the user of this row was deactivated: no key of his lets anybody in, and he cannot sign in."""
    return user is not None and (user["metadata"] or {}).get(ACTIVE) is False
