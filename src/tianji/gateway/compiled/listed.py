"""What lists of models say: the names there are, what is known of each, and the models that a pattern stands for."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from msgspec import Struct

from tianji._core.routing.router import Deployment
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import listed_facts
from tianji.accounting.prices.names import fits
from tianji.config.schema import Config, ModelEntry
from tianji.config.schema.router import FallbackRule, Target

Members = Mapping[str, list[tuple[ModelEntry, Deployment]]]
_ANYBODY: Final = frozenset({"litellm_proxy"})  # stands before models of others, nobody knows which
_NOTHING: Final[tuple[str, ...]] = ()
KINDS: Final = ("general", "context_window", "content_policy")


class Facts(Struct, frozen=True):
    """What a list tells of a model; None where nobody knows. Sizes are tokens."""

    mode: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class Listed:
    """The models of one Snapshot, as they are listed. The catalogue is read when the first list is made."""

    def __init__(self, config: Config, members: Members, catalogue: Catalogue) -> None:
        self._config = config
        self._members = members
        self._catalogue = catalogue
        self._facts: dict[str, Facts] = {}

    def behind(self, pattern: str) -> tuple[str, ...]:
        """Return the names that a pattern serves and that the catalogue knows, as a request would name them."""
        return self._behind.get(pattern, _NOTHING)

    def facts(self, name: str) -> Facts:
        """Return what is known of a group's first deployment: what it says itself, else the catalogue's word."""
        found = self._facts.get(name)
        if found is None:
            found = self._facts[name] = self._looked_up(name)
        return found

    def fallbacks(self, name: str, kind: str) -> list[Target]:
        """Return where requests for a group go when it fails: `kind` is one of KINDS."""
        router = self._config.router_settings
        rules: Mapping[str, tuple[FallbackRule, ...] | None] = {
            "general": router.fallbacks,
            "context_window": router.context_window_fallbacks,
            "content_policy": router.content_policy_fallbacks,
        }
        return next((list(rule[name]) for rule in rules[kind] or () if name in rule), [])

    def grouped(self) -> list[str]:
        """Return the names of the access groups that deployments are in."""
        return sorted({name for entry in self._config.model_list for name in entry.info.access_groups})

    def _looked_up(self, name: str) -> Facts:
        pairs = self._members.get(name)
        if not pairs:
            return Facts()
        entry, deployment = pairs[0]
        listed = listed_facts(entry, deployment.provider, deployment.model, self._catalogue)
        mode = entry.info.mode or listed.get("mode")
        return Facts(
            str(mode) if mode else None,
            *(
                getattr(entry.info, field) or (int(found) if isinstance(found := listed.get(field), int) else None)
                for field in ("max_input_tokens", "max_output_tokens")
            ),
        )

    @cached_property
    def _behind(self) -> Mapping[str, tuple[str, ...]]:
        """Which names each pattern stands for. Only patterns of one star, whose deployment's model has it, too."""
        patterns = {
            name: pairs[0][1]
            for name, pairs in self._members.items()
            if name.count("*") == 1 and pairs[0][1].model.count("*") == 1
        }
        if not patterns:
            return {}
        known: dict[str, dict[str, None]] = {deployment.provider: {} for deployment in patterns.values()}
        for name, by in self._catalogue.models():
            for provider, models in known.items():
                if provider not in _ANYBODY and fits(provider, name, by):
                    models[name.removeprefix(f"{provider}/")] = None
        return {
            name: tuple(_named(name, deployment.model, known[deployment.provider]))
            for name, deployment in patterns.items()
        }


def _named(pattern: str, template: str, models: Iterable[str]) -> Iterator[str]:
    """Yield the names that `pattern` gives to those of `models` that `template` fits."""
    head, tail = template.split("*")
    before, after = pattern.split("*")
    for model in models:
        if len(model) > len(head) + len(tail) and model.startswith(head) and model.endswith(tail):
            yield before + model[len(head) : len(model) - len(tail)] + after
