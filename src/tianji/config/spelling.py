"""Both spellings of a key: LiteLLM's name and Tianji's twin become LiteLLM's, which wins where both are written."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tianji.config.problems import Findings
from tianji.config.tree import Map

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
SECTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"router_settings": ROUTER, "general_settings": GENERAL}
)


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
