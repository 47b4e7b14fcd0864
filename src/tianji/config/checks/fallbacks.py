"""What leads from one model name to another: fallback tables and aliases."""

from collections.abc import Mapping
from typing import Final

from tianji.config.checks.names import Names, nearest_name
from tianji.config.checks.subject import Subject, Where
from tianji.config.schema.root import Config
from tianji.config.tree import Items, Map

TABLES: Final = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
SECTIONS: Final = ("router_settings", "litellm_settings")


def check(subject: Subject) -> None:
    """Check the shape of the tables, and that each name leads somewhere."""
    known = Names(subject.config)
    for section in SECTIONS:
        for table in TABLES:
            _table(subject, known, (section, table))
        _targets(subject, known, (section, "default_fallbacks"))
    _aliases(subject, known)


def _table(subject: Subject, known: Names, path: tuple[str, str]) -> None:
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
                subject.warning(where, f"no model is called {group!r}", nearest_name(group, known))
            _targets(subject, known, where)


def _targets(subject: Subject, known: Names, path: Where) -> None:
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
            subject.warning(where, message, nearest_name(name, known))


def _aliases(subject: Subject, known: Names) -> None:
    reported: set[str] = set()
    for alias, target in known.aliases.items():
        path = _alias_path(subject.config, alias)
        way = _circle(known.aliases, alias)
        if way is None:
            if target not in known:
                message = f"no model is called {target!r}, so the alias leads nowhere"
                subject.warning(path, message, nearest_name(target, known))
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
