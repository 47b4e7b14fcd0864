"""PATCH: a resource as it is, operations, and the resource as it is to be (RFC 7644 section 3.5.2).

Names are compared without regard to case, and what providers are known to write beside the rules is understood: paths
as names of a value's members, a list of values to remove, booleans as text.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.errors import Unacceptable
from tianji.scim import filters
from tianji.scim.filters import Condition

Resource = dict[str, Any]
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_CORE: Final = ("urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:")
_NAMES: Final = {
    name.lower(): name
    for name in (
        "userName", "externalId", "displayName", "active", "name", "emails", "groups", "members", "entitlements",
        "roles", "givenName", "familyName", "formatted", "value", "display", "type", "primary",
    )
}  # fmt: skip
_MANY: Final = frozenset({"emails", "groups", "members", "entitlements", "roles"})
_FIXED: Final = frozenset({"id", "meta", "schemas"})
_PATH: Final = re.compile(
    r"(?P<name>[A-Za-z$][\w$-]*)(?:\[(?P<where>[^\]]*)\])?(?:\.(?P<sub>[A-Za-z$][\w$-]*))?", re.DOTALL
)
OPERATIONS: Final = ("add", "remove", "replace")
MOST: Final = 1000  # operations of a request


class Operation(Struct):
    """One operation. `op`: add, remove or replace, in any case."""

    op: str
    path: str | None = None
    value: Any = None


class Place(Struct, frozen=True):
    """What a path leads to: an attribute, those of its values that are meant, and a sub-attribute of these."""

    name: str
    where: tuple[Condition, ...] = ()
    sub: str | None = None
    extension: bool = False


def patched(resource: Mapping[str, Any], operations: list[Operation]) -> Resource:
    """Return what the operations make of a resource, which stays as it is. Raises Unacceptable with SCIM's own code."""
    if len(operations) > MOST:
        raise Unacceptable(f"a request has {MOST} operations at most", code="tooMany")
    found = copy.deepcopy(dict(resource))
    for operation in operations:
        op = operation.op.lower()
        if op not in OPERATIONS:
            raise Unacceptable(f"op is one of {', '.join(OPERATIONS)}", param="op", code="invalidSyntax")
        if operation.path:
            _apply(found, op, place(operation.path), operation.value)
        elif op == "remove":
            raise Unacceptable("remove needs a path", param="path", code="noTarget")
        elif not isinstance(operation.value, Mapping):
            raise Unacceptable("without a path the value is an object", param="value", code="invalidValue")
        else:
            for path, value in operation.value.items():
                _apply(found, op, place(path), value)
    return found


def place(path: str) -> Place:
    """Read a path. Raises Unacceptable (`invalidPath`, `mutability`)."""
    text, extension = path.strip(), False
    if text.lower() == ENTERPRISE.lower():
        return Place(ENTERPRISE)
    if text.lower().startswith(ENTERPRISE.lower() + ":"):
        text, extension = text[len(ENTERPRISE) + 1 :], True
    text = next((text[len(core) :] for core in _CORE if text.lower().startswith(core)), text)
    found = _PATH.fullmatch(text)
    if found is None:
        raise Unacceptable(f"there is no path {path[:80]!r}", param="path", code="invalidPath")
    name = found["name"] if extension else canonical(found["name"])
    if name.lower() in _FIXED and not extension:
        raise Unacceptable(f"{name} is not to be changed", param="path", code="mutability")
    where = () if found["where"] is None else tuple(filters.parse(found["where"]))
    sub = None if found["sub"] is None else canonical(found["sub"])
    return Place(name, where, sub, extension)


def canonical(name: str) -> str:
    """Return an attribute's name as the schemas write it."""
    return _NAMES.get(name.lower(), name)


def _apply(resource: Resource, op: str, at: Place, value: Any) -> None:
    holder = resource
    if at.extension:
        inner = resource.get(ENTERPRISE)
        holder = resource[ENTERPRISE] = dict(inner) if isinstance(inner, Mapping) else {}
    if at.name in _MANY and not at.extension:
        _apply_to_many(holder, op, at, value)
    elif at.where:
        raise Unacceptable(f"{at.name} has one value, and no filter", param="path", code="invalidPath")
    elif at.sub is not None:
        inner = holder.get(at.name)
        holder[at.name] = _changed(dict(inner) if isinstance(inner, Mapping) else {}, op, at.sub, value)
    elif op == "add" and isinstance(value, Mapping) and isinstance(holder.get(at.name), Mapping):
        holder[at.name] = {**holder[at.name], **value}
    else:
        _changed(holder, op, at.name, value)


def _changed(holder: Resource, op: str, name: str, value: Any) -> Resource:
    if op == "remove":
        holder.pop(name, None)
    else:
        holder[name] = value
    return holder


def _apply_to_many(holder: Resource, op: str, at: Place, value: Any) -> None:
    items = [*_list(holder.get(at.name))]
    if at.where or at.sub is not None:
        items = _with_changed_items(items, op, at, value)
    elif op == "replace":
        items = _list(value)
    elif op == "add":
        known = {_key(item) for item in items}
        items += [item for item in _list(value) if _key(item) not in known]
    elif value is None:
        items = []
    else:
        gone = {_key(item) for item in _list(value)}
        items = [item for item in items if _key(item) not in gone]
    holder[at.name] = items


def _with_changed_items(items: list[Any], op: str, at: Place, value: Any) -> list[Any]:
    meant = [filters.fits(item, [*at.where]) for item in items]
    if op == "remove" and at.sub is None:
        return [item for item, is_meant in zip(items, meant, strict=True) if not is_meant]
    if op != "remove" and not any(meant):  # providers mean to set what is not there yet
        items = [*items, {canonical(condition.name): condition.value for condition in at.where}]
        meant.append(True)
    found = []
    for item, is_meant in zip(items, meant, strict=True):
        members = dict(item) if isinstance(item, Mapping) else {"value": item}
        if not is_meant:
            found.append(item)
        elif at.sub is not None:
            found.append(_changed(members, op, at.sub, value))
        else:
            found.append({**members, **value} if isinstance(value, Mapping) else {**members, "value": value})
    return found


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return [*value] if isinstance(value, list) else [value]


def _key(item: Any) -> str:
    """Return what tells a value from others: texts stand for their own `value`."""
    return str(item.get("value")) if isinstance(item, Mapping) else str(item)
