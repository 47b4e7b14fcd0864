"""A row as the log may hold it: without secrets, and such that one sees which of them changed.

In what is stored as it is, whatever is called like a secret is hidden. In what is stored encrypted anything may be one:
there numbers stand, and texts of a few names that say what and where, and nothing else.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from tianji.callbacks.variables import OPEN
from tianji.money import to_dollars
from tianji.protocol.scrub import scrub
from tianji.storage.tables import NANOS

MASK: Final = "****"
CHANGED: Final = "**** (changed)"  # another secret than before
SHORT: Final = 8  # digits of a key's hash: enough to find the other name of a key that was replaced
_SECRET: Final = re.compile(
    r"key|secret|pass(word|phrase|code)|credential|authorization|cookie|(?<!per_)token(?!s|izer)", re.IGNORECASE
)
_NEVER: Final = re.compile(r"secret|pass(word|phrase|code)|\bpin\b", re.IGNORECASE)  # not even as a number
_MAPS: Final = frozenset({  # in which anything may be a secret
    "headers", "extra_headers", "default_headers", "extra_body", "extra_query", "default_query_params",
})  # fmt: skip
_SAID: Final = frozenset({
    "model", "model_name", "custom_llm_provider", "api_base", "base_url", "api_version", "litellm_credential_name",
    "region_name", "aws_region_name", "vertex_project", "vertex_location", "mode", "type", "host", "namespace", "tags",
    "guardrail", "guardrail_name", "guardrail_id", "guardrail_type", "failure_policy", "id", "path", "target",
    "success_callback", "failure_callback", "callbacks", "alerting", "alert_types",
    "server_name", "server_id", "alias", "transport", "auth_type", "url", "command", "allowed_tools", "access_groups",
    "methods", "prompt_id", "prompt_integration", "environment", "supported_call_types", "budget_duration",
})  # fmt: skip
_SKIPPED: Final = frozenset({"spend_since"})
_VARIABLES: Final = "callback_vars"

Hides = Callable[[str, Any], bool]


def told(row: Mapping[str, Any], was: Mapping[str, Any], closed: str = "") -> dict[str, Any]:
    """Return the columns of a row that hold something. `was`: the row before; `closed`: the column that is encrypted.

    Amounts are US dollars, times RFC 3339. What could not be decrypted is a text.
    """
    return {
        name: _column(name, value, was.get(name), closed=name == closed)
        for name, value in row.items()
        if value is not None and name not in _SKIPPED
    }


def _column(name: str, value: Any, was: Any, *, closed: bool) -> Any:
    if name == "token":
        return f"{value[:SHORT]}..."
    if name == "password":
        return _hidden(value, was)
    if name in NANOS:
        return to_dollars(value)
    if name == "key_name":
        return value
    if closed and isinstance(value, str):
        return value  # says that nobody can read it
    return _shown("", value, was, _unless_said if closed else _if_secret)


def _shown(name: str, value: Any, was: Any, hides: Hides) -> Any:
    """Return a value with its secrets hidden. `name`: its own, or of the list that it is in."""
    if value is None or isinstance(value, bool):
        return value
    if name and hides(name, value):
        return _hidden(value, was)
    if isinstance(value, Mapping):
        before = was if isinstance(was, Mapping) else {}
        inner = _always if name in _MAPS else _unless_open if name == _VARIABLES else hides
        return {str(key): _shown(str(key), one, before.get(key), inner) for key, one in value.items()}
    if isinstance(value, list | tuple):
        before_all = was if isinstance(was, list | tuple) and len(was) == len(value) else [None] * len(value)
        return [_shown(name, one, other, hides) for one, other in zip(value, before_all, strict=True)]
    if isinstance(value, str):
        return scrub(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _hidden(value: Any, was: Any) -> str:
    return MASK if was is None or was == value else CHANGED


def _always(_name: str, _value: Any) -> bool:
    return True


def _if_secret(name: str, value: Any) -> bool:
    found = _NEVER if isinstance(value, int | float) else _SECRET
    return found.search(name) is not None


def _unless_said(name: str, value: Any) -> bool:
    if isinstance(value, Mapping | list | tuple):
        return bool(_SECRET.search(name))
    return _if_secret(name, value) if isinstance(value, int | float) else name not in _SAID


def _unless_open(name: str, _value: Any) -> bool:
    return name not in OPEN
