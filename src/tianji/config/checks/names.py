"""Which model names lead somewhere."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from tianji.config.decode import nearest
from tianji.config.schema.root import Config

ANY: Final = "*"


class Names:
    """Every name that a request may use, auto routers included."""

    def __init__(self, config: Config) -> None:
        entries = config.model_list
        self.auto_routers = frozenset(entry.model_name for entry in config.auto_routers)
        self.aliases = dict(_aliases_of(config))
        self.exact = {
            *(entry.model_name for entry in entries),
            *(entry.id for entry in entries),
            *(entry.params.model for entry in entries),
            *(group.group_name for group in config.router_settings.routing_groups),
            *self.aliases,
            *self.auto_routers,
        }
        self._patterns = [name for name in self.exact if ANY in name]
        self._bare = {name.partition("/")[2] for name in self.exact}

    def __contains__(self, name: str) -> bool:
        if name in self.exact or any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in self._patterns):
            return True
        return any(fnmatchcase(f"x/{name}", f"x/{pattern.partition('/')[2]}") for pattern in self._patterns)

    def has_key(self, name: str) -> bool:
        """Whether a fallback table finds some request under `name`, with or without its provider."""
        return name == ANY or name in self or name in self._bare or name.partition("/")[2] in self


def _aliases_of(config: Config) -> Iterator[tuple[str, str]]:
    yield from config.litellm_settings.model_alias_map.items()
    for name, target in config.router_settings.model_group_alias.items():
        yield name, target if isinstance(target, str) else str(target.get("model", ""))


def nearest_name(name: str, known: Names) -> str:
    """Return a remedy: the known name most like `name`, or that there is none."""
    remedy = nearest(name, sorted(known.exact))
    return remedy if remedy != "remove it" else "add such a model, or remove the name"
