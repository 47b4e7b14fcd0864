"""What leads from one model name to another: fallback tables and aliases."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from tianji.config.checks.subject import Subject, Where
from tianji.config.decode import nearest
from tianji.config.schema.root import Config
from tianji.config.tree import Items, Map

TABLES: Final = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
SECTIONS: Final = ("router_settings", "litellm_settings")
ANY: Final = "*"


def check(subject: Subject) -> None:
    """Check the shape of the tables, and that each name leads somewhere."""
    known = _Names(subject.config)
    for section in SECTIONS:
        for table in TABLES:
            _table(subject, known, (section, table))
        _targets(subject, known, (section, "default_fallbacks"))
    _aliases(subject, known)


class _Names:
    """Every name that a request may use."""

    def __init__(self, config: Config) -> None:
        entries = config.model_list
        self.aliases = dict(_aliases_of(config))
        self.exact = {
            *(entry.model_name for entry in entries),
            *(entry.id for entry in entries),
            *(entry.params.model for entry in entries),
            *(group.group_name for group in config.router_settings.routing_groups),
            *self.aliases,
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


def _table(subject: Subject, known: _Names, path: tuple[str, str]) -> None:
    rules = subject.written(*path)
    for index, rule in enumerate(rules if isinstance(rules, Items) else ()):
        if not isinstance(rule, Map):
            continue
        if len(rule) != 1:
            remedy = "write one group for each list item: `- group: [other-group]`"
            subject.error((*path, index), "must have exactly one group", remedy)
        for group in rule:
            where = (*path, index, group)
            if not known.has_key(group):
                subject.warning(where, f"no model is called {group!r}", _nearest(group, known))
            _targets(subject, known, where)


def _targets(subject: Subject, known: _Names, path: Where) -> None:
    written = subject.written(*path)
    for index, target in enumerate(written if isinstance(written, Items) else [written]):
        where = (*path, index) if isinstance(written, Items) else path
        if isinstance(target, Map):
            name = target.get("model")
            if not isinstance(name, str):
                remedy = "add `model:`, the group that takes the request"
                subject.error(where, "names no model", remedy)
                continue
        else:
            name = target
        if isinstance(name, str) and name not in known:
            message = f"no model is called {name!r}, so this fallback is passed over"
            subject.warning(where, message, _nearest(name, known))


def _aliases(subject: Subject, known: _Names) -> None:
    reported: set[str] = set()
    for alias, target in known.aliases.items():
        path = _alias_path(subject.config, alias)
        way = _circle(known.aliases, alias)
        if way is None:
            if target not in known:
                message = f"no model is called {target!r}, so the alias leads nowhere"
                subject.warning(path, message, _nearest(target, known))
        elif reported.isdisjoint(way):
            reported.update(way)
            subject.error(path, f"the aliases lead in a circle: {' -> '.join(way)}", "point one of them at a model")


def _alias_path(config: Config, alias: str) -> Where:
    if alias in config.router_settings.model_group_alias:
        return ("router_settings", "model_group_alias", alias)
    return ("litellm_settings", "model_alias_map", alias)


def _circle(aliases: Mapping[str, str], alias: str) -> list[str] | None:
    """Return the way from `alias` back to itself, None when there is none."""
    way, name = [alias], aliases[alias]
    while name not in way and name in aliases:
        way.append(name)
        name = aliases[name]
    return [*way, alias] if name == alias else None


def _nearest(name: str, known: _Names) -> str:
    remedy = nearest(name, sorted(known.exact))
    return remedy if remedy != "remove it" else "add such a model, or remove the name"
