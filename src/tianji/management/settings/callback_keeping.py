"""How keys and teams keep callbacks of their own: known variables alone, and the secret ones encrypted."""

from collections.abc import Mapping
from typing import Any

from tianji.callbacks.variables import CLOSED, KNOWN, MASK, PURPOSE, SECRET, TYPES, changed
from tianji.callbacks.vendors import ALIASES, NAMED, VENDORS
from tianji.errors import Unacceptable
from tianji.management.desk import Call, Row
from tianji.storage.vault import Vault


def seal(call: Call, values: Row, before: Row | None) -> None:
    """Judge what a new `metadata` says of callbacks, and close what is secret of it.

    What is sent as it is shown stays as it was. Raises Unacceptable for a variable or a callback that is not known.
    """
    metadata = values.get("metadata")
    if not metadata or not (metadata.get("logging") or metadata.get("callback_settings")):
        return
    for one in metadata["logging"] if isinstance(metadata.get("logging"), list) else ():
        _require_known(one)
    kept = _secrets((before["metadata"] if before else None) or {})

    def sealed(name: str, value: Any) -> Any:
        if name not in KNOWN:
            raise Unacceptable(f"{name[:80]!r} is no variable of callbacks", param="callback_vars")
        if isinstance(value, str) and value.startswith("os.environ/"):
            raise Unacceptable(f"{name}: os.environ/ is read in the configuration's file alone", param="callback_vars")
        if name not in SECRET or not value:
            return value
        if value == MASK:
            return next((known for known_as, known in kept if known_as == name), None)
        return value if (name, value) in kept else close(call, name, str(value))

    values["metadata"] = changed(metadata, sealed)


def close(call: Call, name: str, value: str) -> str:
    """Return a secret variable as it is kept. Raises Unacceptable where there is nothing to encrypt it with."""
    return CLOSED + Vault(call.salt(), PURPOSE).close(value, name)


def require_served(name: str) -> None:
    """Raise Unacceptable for a callback that this release does not serve."""
    own = ALIASES.get(name, name)
    if own not in VENDORS and own not in NAMED:
        raise Unacceptable(f"callback {name[:80]!r} is not served by this release", param="callback_name")


def _require_known(one: Any) -> None:
    if not isinstance(one, Mapping) or not isinstance(one.get("callback_name"), str):
        raise Unacceptable("each callback in `logging` has a callback_name", param="logging")
    require_served(one["callback_name"])
    kind = one.get("callback_type")
    if kind is not None and kind not in TYPES:
        raise Unacceptable(f"callback_type is one of {', '.join(TYPES)}", param="callback_type")


def _secrets(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the secret variables that are kept, as they are kept."""
    found: list[tuple[str, Any]] = []

    def note(name: str, value: Any) -> Any:
        if name in SECRET:
            found.append((name, value))
        return value

    changed(metadata, note)
    return found
