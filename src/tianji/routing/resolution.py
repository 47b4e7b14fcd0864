"""From the model a client names to the model group that serves it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

from tianji.alike import alike
from tianji.errors import UnknownModel
from tianji.routing.patterns import Patterns, substitute

LONGEST_NAME = 1024  # characters; a longer one is no model's
LONGEST_CHAIN = 5  # aliases of aliases
REMEMBERED = 1024  # names whose search is not made again: clients ask for few, mostly


class Resolution(Struct, frozen=True):
    """What serves a requested name.

    `group` is a model group; `deployment` its only candidate when the name was a deployment's id. `name` is what
    `captures` were taken from: the requested name, or an alias's target, or provider/name. `how` is `default` for a
    name that is not known at all.
    """

    group: str
    how: Literal["exact", "deployment", "alias", "pattern", "upstream", "default"]
    name: str
    captures: tuple[str, ...] = ()
    deployment: str | None = None

    def upstream_model(self, template: str) -> str:
        """Fill the stars of a deployment's own model."""
        return substitute(template, self.captures, self.name) if self.captures else template


class Alias(Struct, frozen=True):
    """Another name for a model group; a hidden one is not listed and works all the same."""

    target: str
    hidden: bool = False


class Resolver:
    """The names, aliases and patterns of one Snapshot.

    The first that fits serves: an alias; a group's exact name; a deployment's id; the most specific pattern for the
    name, then for `<inferred provider>/<name>`; the group of the deployment whose upstream model has this very name;
    what serves a name that is not known at all.
    """

    def __init__(
        self,
        groups: Iterable[str],
        aliases: Mapping[str, Alias] | None = None,
        *,
        deployments: Mapping[str, str] | None = None,
        upstreams: Mapping[str, str] | None = None,
        infer: Callable[[str], str | None] | None = None,
        otherwise: str | None = None,
    ) -> None:
        """Take the names of one Snapshot; groups keep their order in listings.

        `deployments` maps ids to groups, `upstreams` upstream models to groups; `infer` gives a bare name's provider;
        `otherwise` is a name that stands for all unknown ones.
        An alias may lead to an alias, up to five of them, until a group has the name.
        """
        self._groups = dict.fromkeys(groups)
        self._aliases = dict(aliases or {})
        self._deployments = dict(deployments or {})
        self._upstreams = dict(upstreams or {})
        self._infer = infer
        self._otherwise = otherwise
        self._patterns = Patterns(name for name in self._groups if "*" in name)
        self._found = lru_cache(maxsize=REMEMBERED)(self._search)

    def resolve(self, name: str) -> Resolution | None:
        """Return what serves `name`, None when nothing does."""
        return self._found(name) if name and len(name) <= LONGEST_NAME else None

    def _search(self, name: str) -> Resolution | None:
        found = self._resolve_known(name)
        if found is None and self._otherwise is not None:
            found = self._resolve_known(self._otherwise)
            return None if found is None else msgspec.structs.replace(found, how="default")
        return found

    def _resolve_known(self, name: str) -> Resolution | None:
        alias = self._aliases.get(name)
        if alias is not None and name not in self._deployments:
            return self._resolve_alias(self._followed(alias.target))
        if name in self._groups:
            return Resolution(name, "exact", name, ("*",) * name.count("*"))
        if name in self._deployments:
            return Resolution(self._deployments[name], "deployment", name, deployment=name)
        found = self._resolve_pattern(name)
        if found is None and name in self._upstreams:
            return Resolution(self._upstreams[name], "upstream", name)
        return found

    def listed(self, expand: Callable[[str], Sequence[str]]) -> list[str]:
        """Return the names for a list of models: groups, then aliases that are not hidden, without doubles.

        `expand` gives the concrete names that a pattern stands for; a pattern without any is left out.
        """
        names: dict[str, None] = {}
        for group in self._groups:
            names.update(dict.fromkeys(expand(group) if "*" in group else (group,)))
        names.update(dict.fromkeys(name for name, alias in self._aliases.items() if not alias.hidden))
        return list(names)

    def nearest(self, name: str, visible: Callable[[str], bool] | None = None) -> list[str]:
        """Return at most three listed names that look like `name`, of those the caller may see; case is no matter."""
        names = {known.lower(): known for known in self.listed(_nothing) if visible is None or visible(known)}
        return [names[found] for found in alike(name.lower(), names, likeness=0.5)]

    def unknown(self, name: str, visible: Callable[[str], bool] | None = None) -> UnknownModel:
        """Make the error for a name that nothing serves; it offers the nearest names the caller may see."""
        close = self.nearest(name, visible)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        return UnknownModel(
            f"Invalid model name passed in model={name[:200]}: no model group, alias or pattern serves it.{hint}"
            " GET /v1/models lists the models that your key may use."
        )

    def _followed(self, target: str) -> str:
        for _ in range(LONGEST_CHAIN - 1):
            further = self._aliases.get(target)
            if further is None or target in self._groups or target in self._deployments:
                break
            target = further.target
        return target

    def _resolve_alias(self, target: str) -> Resolution | None:
        if target in self._groups:
            return Resolution(target, "alias", target, ("*",) * target.count("*"))
        if target in self._deployments:
            return Resolution(self._deployments[target], "alias", target, deployment=target)
        return self._resolve_pattern(target)

    def _resolve_pattern(self, name: str) -> Resolution | None:
        found = self._patterns.match(name)
        provider = self._infer(name) if found is None and self._infer is not None else None
        if provider is not None:
            name = f"{provider}/{name}"
            found = self._patterns.match(name)
        return None if found is None else Resolution(found.pattern, "pattern", name, found.captures)


def _nothing(_: str) -> Sequence[str]:
    return ()
