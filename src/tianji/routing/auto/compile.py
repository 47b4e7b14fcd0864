"""From the entries of `model_list` that are routers to the routers themselves."""

import logging
from collections.abc import Iterable

from tianji.accounting.prices.deployments import token_price
from tianji.clock import SYSTEM
from tianji.config.auto_router import default_model, semantic_config, static_model_folder
from tianji.config.patterns import compile_pattern
from tianji.config.problems import Findings
from tianji.config.schema import Config, ModelEntry
from tianji.config.schema.auto_router import (
    ADAPTIVE,
    COMPLEXITY,
    QUALITY,
    AdaptiveConfig,
    AutoRule,
    ComplexityConfig,
    QualityConfig,
)
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.routing.auto.adaptive import AdaptiveRouter, Answered, Arm
from tianji.routing.auto.complexity import ComplexityRouter, Scale
from tianji.routing.auto.decision import AutoRouter, Default
from tianji.routing.auto.distant import DistantSemanticRouter
from tianji.routing.auto.quality import Candidate, QualityRouter
from tianji.routing.auto.rules import Rule, RuleRouter, conditions
from tianji.routing.auto.semantic import DEFAULT_THRESHOLD, Example, SemanticRouter
from tianji.routing.auto.static_model import load_static_model
from tianji.routing.auto.surroundings import Surroundings

LOG = logging.getLogger("tianji.routing")


def compile_auto_routers(config: Config, surroundings: Surroundings) -> dict[str, AutoRouter]:
    """Return the auto routers by model name.

    A router that cannot be made sends everything to its default model, and one without a default model is left out;
    the log says so. Static models are loaded and examples embedded here, not while a request waits.
    """
    routers: dict[str, AutoRouter] = {}
    for entry in config.auto_routers:
        default = default_model(entry.params)
        if not default:
            LOG.error("%s: auto router %s is left out: it has no default model", entry.place, entry.model_name)
            continue
        try:
            routers[entry.model_name] = _Compiler(entry, default, surroundings, config.model_list).router()
        except (ConfigurationError, ImportError) as error:
            LOG.error("%s: auto router %s: all goes to %s: %s", entry.place, entry.model_name, default, error)
            routers[entry.model_name] = Default(default, "this router cannot be made")
    return routers


class _Compiler:
    """Makes the router of one entry: rules first, then meaning or complexity, then the default."""

    def __init__(
        self, entry: ModelEntry, default: str, surroundings: Surroundings, deployments: Iterable[ModelEntry]
    ) -> None:
        self._entry = entry
        self._params = entry.params
        self._default = default
        self._surroundings = surroundings
        self._deployments = deployments

    def router(self) -> AutoRouter:
        """Return it. Raises ConfigurationError, or ImportError where a package is missing."""
        kinds = {COMPLEXITY: self._complexity, QUALITY: self._quality, ADAPTIVE: self._adaptive}
        last = kinds.get(self._params.model, self._semantic)()
        rules = [self._rule(rule) for rule in self._params.auto_router_rules]
        return RuleRouter(rules, last) if rules else last

    def _target(self, group: str) -> str:
        if self._surroundings.serves(group):
            return group
        message = "%s: auto router %s: no model is called %r, so %s takes its requests"
        LOG.warning(message, self._entry.place, self._entry.model_name, group, self._default)
        return self._default

    def _rule(self, rule: AutoRule) -> Rule:
        pattern = None if rule.regex is None else compile_pattern(rule.regex)
        return Rule(rule.name or rule.model, self._target(rule.model), tuple(conditions(rule, pattern)))

    def _complexity(self) -> AutoRouter:
        config = self._params.complexity_router_config or ComplexityConfig()
        tiers = {
            tier: tuple(self._target(group) for group in ([groups] if isinstance(groups, str) else groups))
            for tier, groups in config.tiers.items()
        }
        return ComplexityRouter(Scale(config), tiers, self._default, self._surroundings.dice)

    def _quality(self) -> AutoRouter:
        config = self._params.quality_router_config or QualityConfig()
        wanted = frozenset(config.available_models)
        candidates = [_candidate(entry) for entry in self._deployments if entry.model_name in wanted]
        told = [candidate for candidate in candidates if candidate is not None]
        scale = Scale(self._params.complexity_router_config or ComplexityConfig())
        return QualityRouter(scale, told, config.complexity_to_quality, self._default)

    def _adaptive(self) -> AutoRouter:
        config = self._params.adaptive_router_config or AdaptiveConfig()
        groups = tuple(dict.fromkeys(self._target(group) for group in config.available_models))
        if not groups:
            return Default(self._default, "no model may be chosen")
        entries = {entry.model_name: entry for entry in reversed(list(self._deployments))}
        name, school = self._entry.model_name, self._surroundings.school
        router = school.routers[name] = AdaptiveRouter(
            [_arm(group, entries.get(group)) for group in groups],
            config.weights,
            self._default,
            school.lessons(name, groups),
            Answered(name, school.answered),
            load("random").Random(
                int(self._surroundings.dice.unit() * 2**53)
            ),  # it chooses models, and keeps no secret
        )
        return router

    def _semantic(self) -> AutoRouter:
        otherwise = Default(self._default)
        examples = self._examples()
        name = self._params.auto_router_embedding_model
        if not examples or name is None:
            return otherwise
        most = self._params.auto_router_max_input_chars
        folder = static_model_folder(name, self._surroundings.directory, self._surroundings.environ)
        if folder is not None:
            return SemanticRouter(examples, load_static_model(folder), most, otherwise)
        if self._surroundings.asks is None:
            raise ConfigurationError(f"no static model {name!r} is on this machine, and no upstream can be asked")
        return DistantSemanticRouter(examples, self._surroundings.asks(name), most, otherwise, SYSTEM)

    def _examples(self) -> list[Example]:
        findings = Findings()
        config = semantic_config(self._entry, self._surroundings.directory, findings)
        if findings.fatal:
            raise ConfigurationError(str(findings.problems[0]))
        return [
            Example(
                route.name,
                self._target(route.name),
                route.utterances,
                DEFAULT_THRESHOLD if route.score_threshold is None else route.score_threshold,
            )
            for route in (config.routes if config else ())
            if route.utterances
        ]


def _candidate(entry: ModelEntry) -> Candidate | None:
    """Return what a quality router knows of the deployment; None where it does not say its quality."""
    said = entry.info.litellm_routing_preferences
    if said is None:
        return None
    price = entry.info.prices.get("input_cost_per_token", entry.params.prices.get("input_cost_per_token"))
    keywords = tuple(word.lower() for word in said.keywords if word)
    return Candidate(entry.model_name, said.quality_tier, keywords, said.order, price)


def _arm(group: str, entry: ModelEntry | None) -> Arm:
    """Return what an adaptive router knows of a group by its first deployment, or by none where it is an alias."""
    if entry is None:
        return Arm(group)
    price, said = token_price(entry), entry.info.adaptive_router_preferences
    return Arm(group, price=price) if said is None else Arm(group, said.quality_tier, said.strengths, price)
