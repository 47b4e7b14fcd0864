"""One spelling for what may be written in two ways: keys by LiteLLM's name or Tianji's twin, callbacks by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeGuard

from tianji.config.problems import Findings, Place
from tianji.config.tree import Items, Map

TOP: Final[Mapping[str, str]] = MappingProxyType({"tianji_settings": "litellm_settings", "agent_list": "agents"})
ENTRY: Final[Mapping[str, str]] = MappingProxyType({"tianji_params": "litellm_params"})
ROUTER: Final[Mapping[str, str]] = MappingProxyType({"default_tianji_params": "default_litellm_params"})
GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tianji_jwtauth": "litellm_jwtauth",
        "tianji_key_header_name": "litellm_key_header_name",
        "database_connection_pool_timeout": "database_connection_timeout",
    }
)
SETTINGS: Final[Mapping[str, str]] = MappingProxyType({**ENTRY, "service_callbacks": "service_callback"})
SECTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"router_settings": ROUTER, "general_settings": GENERAL, "litellm_settings": SETTINGS}
)
CALLBACKS: Final = ("callbacks", "success_callback", "failure_callback")  # lists of their names
Row = tuple[str, object, Place]


def unify(section: Map, twins: Mapping[str, str], path: str, findings: Findings) -> Map:
    """`section` with every key of `twins` renamed to its value; the key already named so wins, with a warning."""
    if not twins.keys() & section.keys():
        return section
    members = []
    for key, value, place in section.members():
        name = twins.get(key, key)
        if name != key and name in section:
            findings.warning(
                place,
                f"{path}.{key}" if path else key,
                f"ignored, because {name} is written too (line {section.at(name).line})",
                f"keep only {name}",
            )
        else:
            members.append((name, value, place))
    return Map(section.place, members)


def name_callbacks(tree: Map) -> Map:
    """`tree` with every callback that is written as `NAME: {...}` named alone, and the rest in `callback_settings`.

    What stands in `callback_settings` already wins.
    """
    settings = tree.get("litellm_settings")
    if not isinstance(settings, Map):
        return tree
    lists = {name: value for name in CALLBACKS if isinstance(value := settings.get(name), Items)}
    opened = [entry for entries in lists.values() for entry in entries if _carries(entry)]
    if not opened:
        return tree
    named = {name: _named(entries) for name, entries in lists.items()}
    section = Map(settings.place, [(key, named.get(key, value), place) for key, value, place in settings.members()])
    beside = tree.get("callback_settings")
    rows = list(beside.members()) if isinstance(beside, Map) else []
    for entry in opened:
        rows = _beneath(rows, *next(iter(entry.members())))
    whole = [(key, section if key == "litellm_settings" else value, place) for key, value, place in tree.members()]
    place = tree.at("callback_settings")
    return Map(tree.place, [*whole, ("callback_settings", Map(place, rows), place)])


def _carries(entry: object) -> TypeGuard[Map]:
    return isinstance(entry, Map) and len(entry) == 1 and isinstance(next(iter(entry.values())), Map | None)


def _named(entries: Items) -> Items:
    rows = ((next(iter(entry)) if _carries(entry) else entry, place) for _, entry, place in entries.members())
    return Items(entries.place, rows)


def _beneath(rows: list[Row], name: str, value: object, place: Place) -> list[Row]:
    """`rows` with `value` under what they have by that name."""
    own = next((row for row in rows if row[0] == name), None)
    if value is None:
        return rows
    if own is None:
        return [*rows, (name, value, place)]
    if not isinstance(own[1], Map) or not isinstance(value, Map):
        return rows
    merged = Map(own[1].place, [*(row for row in value.members() if row[0] not in own[1]), *own[1].members()])
    return [(name, merged, own[2]) if row is own else row for row in rows]
