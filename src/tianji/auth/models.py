"""Which models somebody may use: names, patterns, access groups, and the words that stand for many."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tianji.config.schema import Config

EVERY: Final = frozenset({"all-proxy-models", "*"})
OF_TEAM: Final = "all-team-models"
NONE: Final = "no-default-models"

Groups = Mapping[str, frozenset[str]]  # access group of the configuration: the models in it
Infer = Callable[[str], str | None]  # provider of a bare model name


def access_groups(config: Config) -> Groups:
    """Return the access groups that `model_info.access_groups` of the deployments make."""
    found: dict[str, set[str]] = {}
    for entry in config.model_list:
        for name in entry.info.access_groups:
            found.setdefault(name, set()).add(entry.model_name)
    return {name: frozenset(models) for name, models in found.items()}


class ModelRule:
    """What one of those above a request allows. `denial` is the error type that clients tell them apart by."""

    __slots__ = ("_infer", "_names", "_prefixes", "_providers", "denial")

    def __init__(self, names: Iterable[str], denial: str, *, groups: Groups, infer: Infer) -> None:
        exact: set[str] = set()
        prefixes: set[str] = set()
        for name in names:
            if name == NONE:
                continue
            if name in groups:
                exact |= groups[name]
            elif name.endswith("*"):
                prefixes.add(name[:-1])
            else:
                exact.add(name)
        self.denial = denial
        self._names = frozenset(exact)
        self._prefixes = tuple(sorted(prefixes))
        self._providers = frozenset(prefix[:-1] for prefix in prefixes if prefix.endswith("/"))
        self._infer = infer

    def allows(self, model: str) -> bool:
        """Whether the public name `model` is allowed. `openai/*` allows `gpt-4o` too, whose provider that is."""
        if model in self._names or model.startswith(self._prefixes):
            return True
        bare = "/" not in model and model != "*"
        return bool(self._providers) and bare and self._infer(model) in self._providers

    def covers(self, other: "ModelRule") -> bool:
        """Whether every model that `other` allows is allowed here."""
        return all(map(self.allows, other._names)) and all(
            prefix in self._prefixes or (not prefix.endswith("/") and prefix.startswith(self._prefixes))
            for prefix in other._prefixes
        )


def rule(
    names: Iterable[str] | None, denial: str, *, groups: Groups, infer: Infer, team: Iterable[str] | None = None
) -> ModelRule | None:
    """Return the rule for a list of models as it is stored; None where it allows every model.

    An empty list allows all. `all-team-models` stands for `team`, the list of the team, and for all without one.
    """
    wanted = set(names or ())
    if OF_TEAM in wanted:
        wanted.remove(OF_TEAM)
        if not team:
            return None
        wanted |= set(team)
    if not wanted or wanted & EVERY:
        return None
    return ModelRule(wanted, denial, groups=groups, infer=infer)
