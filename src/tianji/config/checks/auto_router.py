"""Auto routers: that each can decide, and that what it decides leads somewhere."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, get_args

from tianji.config import auto_router, patterns
from tianji.config.checks.names import Names, nearest_name
from tianji.config.checks.subject import Subject, Where
from tianji.config.decode import nearest
from tianji.config.schema import ModelEntry
from tianji.config.schema.auto_router import (
    ADAPTIVE,
    COMPLEXITY,
    QUALITY,
    AdaptiveConfig,
    AutoRule,
    ComplexityConfig,
    Dimension,
    QualityConfig,
    Tier,
)
from tianji.config.tree import Items, Map
from tianji.errors import ConfigurationError

_BOUNDS: Final = ("characters", "tokens", "code_share")
_ROUNDED: Final = 0.001  # by which weights may miss 1
_NO_CONDITION: Final = "add a condition: regex, min_characters, languages, has_tools, ..."


def check(subject: Subject) -> None:
    """Check names, default models, targets, rules, examples, and what the complexity router is told."""
    known = Names(subject.config)
    deployed = {entry.model_name for entry in subject.config.model_list}
    written = Counter(entry.model_name for entry in subject.config.auto_routers)
    for entry in subject.config.auto_routers:
        path = _path(subject, entry)
        here = (*path[:-1], "model_name")
        if entry.model_name in deployed:
            remedy = "give the router a name of its own"
            subject.error(here, f"{entry.model_name!r} names deployments too, which nobody would reach", remedy)
        if written[entry.model_name] > 1:
            subject.error(here, f"several auto routers are called {entry.model_name!r}", "give each its own name")
        _default(subject, known, entry, path)
        _rules(subject, known, entry, path)
        if entry.params.model == ADAPTIVE:
            _adaptive(subject, known, entry.params.adaptive_router_config, path)
        elif entry.params.model == QUALITY:
            _quality(subject, known, entry.params.quality_router_config, path)
        elif entry.params.model == COMPLEXITY:
            _complexity(subject, known, entry.params.complexity_router_config, path)
        else:
            _semantic(subject, known, entry, path)


def _path(subject: Subject, entry: ModelEntry) -> Where:
    """Return the way to the entry's parameters, however they are spelled."""
    entries = subject.tree.get("model_list")
    for index, written, _ in entries.members() if isinstance(entries, Items) else ():
        if isinstance(written, Map) and written.place == entry.place:
            return ("model_list", index, next(name for name in ("litellm_params", "tianji_params") if name in written))
    return ("model_list",)


def _default(subject: Subject, known: Names, entry: ModelEntry, path: Where) -> None:
    key = auto_router.default_key(entry.params)
    name = auto_router.default_model(entry.params)
    if not name:
        remedy = f"add `{key}:`, the group for what is not decided"
        subject.error(path, "the router has no default model", remedy)
    elif name not in known:
        subject.error((*path, key), f"no model is called {name!r}", nearest_name(name, known))
    else:
        _no_circle(subject, known, name, (*path, key))


def _target(subject: Subject, known: Names, name: str, where: Where) -> None:
    if name not in known:
        message = f"no model is called {name!r}, so the default model takes its requests"
        subject.warning(where, message, nearest_name(name, known))
    else:
        _no_circle(subject, known, name, where)


def _no_circle(subject: Subject, known: Names, name: str, where: Where) -> None:
    if known.aliases.get(name, name) in known.auto_routers:
        subject.error(where, "an auto router does not lead to an auto router", "name a group of deployments")


def _rules(subject: Subject, known: Names, entry: ModelEntry, path: Where) -> None:
    for index, rule in enumerate(entry.params.auto_router_rules):
        where = (*path, "auto_router_rules", index)
        _target(subject, known, rule.model, (*where, "model"))
        if all(getattr(rule, name) in (None, ()) for name in _conditions()):
            subject.error(where, "has no condition, so it takes every request", _NO_CONDITION)
        for bound in _BOUNDS:
            least, most = getattr(rule, f"min_{bound}"), getattr(rule, f"max_{bound}")
            if least is not None and most is not None and least > most:
                subject.error((*where, f"min_{bound}"), f"is above max_{bound}, so nothing fits", "correct one of them")
        _regex(subject, rule, (*where, "regex"))


def _conditions() -> Iterator[str]:
    return (name for name in AutoRule.__struct_fields__ if name not in {"extra", "model", "name"})


def _regex(subject: Subject, rule: AutoRule, where: Where) -> None:
    if rule.regex is None:
        return
    if not patterns.installed():
        subject.error(where, "needs the package google-re2, which is not installed", "pip install 'tianji[rules]'")
        return
    try:
        patterns.compile_pattern(rule.regex)
    except ConfigurationError as error:
        remedy = "write it in RE2's syntax, which has no look-around and no backreferences"
        subject.error(where, f"is not a regular expression: {error.message}", remedy)


def _semantic(subject: Subject, known: Names, entry: ModelEntry, path: Where) -> None:
    params = entry.params
    config = auto_router.semantic_config(entry, subject.directory, subject.findings)
    if params.auto_router_config is None and params.auto_router_config_path is None:
        if not params.auto_router_rules:
            subject.error(path, "the router has nothing to go by", "add auto_router_config or auto_router_rules")
        return
    key = "auto_router_config" if params.auto_router_config is not None else "auto_router_config_path"
    for route in config.routes if config else ():
        _target(subject, known, route.name, (*path, key))
        if not route.utterances:
            subject.warning(
                (*path, key), f"the route {route.name!r} has no utterances, so nothing goes there", "add some"
            )
    if params.auto_router_max_input_chars <= 0:
        subject.error((*path, "auto_router_max_input_chars"), "must be above 0", "remove it for the default, 2000")
    _embedding(subject, known, params.auto_router_embedding_model, path)


def _embedding(subject: Subject, known: Names, name: str | None, path: Where) -> None:
    where = (*path, "auto_router_embedding_model")
    if not name:
        remedy = "add `auto_router_embedding_model:`, the folder of a static model"
        subject.error(path, "the router has no embedding model", remedy)
    elif auto_router.static_model_folder(name, subject.directory, subject.environ) is not None:
        if not auto_router.embeds():
            remedy = "pip install 'tianji[semantic]'"
            subject.error(where, "needs the package model2vec, which is not installed", remedy)
    elif name not in known:
        message = f"no static model {name!r} is on this machine, and none is fetched"
        remedy = "put its folder beside the configuration, or into Hugging Face's cache: hf download owner/model"
        subject.error(where, message, remedy)


def _complexity(subject: Subject, known: Names, config: ComplexityConfig | None, path: Where) -> None:
    here = (*path, "complexity_router_config")
    if config is None or not config.tiers:
        subject.error(path, "no tier has a model", "add `complexity_router_config:` with `tiers:`")
        return
    for tier, groups in config.tiers.items():
        if tier not in get_args(Tier):
            subject.error((*here, "tiers", tier), f"{tier!r} is not a tier", nearest(tier, get_args(Tier)))
        for group in [groups] if isinstance(groups, str) else groups:
            _target(subject, known, group, (*here, "tiers", tier))
    for name in config.dimension_weights:
        if name not in get_args(Dimension):
            where = (*here, "dimension_weights", name)
            subject.error(where, f"{name!r} is not a dimension", nearest(name, get_args(Dimension)))
    boundaries = config.tier_boundaries
    if not boundaries.simple_medium < boundaries.medium_complex < boundaries.complex_reasoning:
        subject.error((*here, "tier_boundaries"), "the boundaries do not rise", "write simple < medium < complex")
    if config.classifier_type not in {None, "heuristic"}:
        message = "has no effect in this release: the classifier is `heuristic`"
        subject.warning((*here, "classifier_type"), message, "remove it")


def _quality(subject: Subject, known: Names, config: QualityConfig | None, path: Where) -> None:
    here = (*path, "quality_router_config")
    if config is None or not config.available_models:
        remedy = "add `quality_router_config:` with `available_models:`"
        subject.error(path, "the router has no model to choose from", remedy)
        return
    told = {entry.model_name for entry in subject.config.model_list if entry.info.litellm_routing_preferences}
    for index, name in enumerate(config.available_models):
        where = (*here, "available_models", index)
        _target(subject, known, name, where)
        if name in known and name not in told:
            message = f"{name!r} does not say its quality, so it is never chosen"
            subject.warning(where, message, "add `litellm_routing_preferences: {quality_tier: 2}` to its `model_info`")
    for tier in config.complexity_to_quality:
        if tier not in get_args(Tier):
            where = (*here, "complexity_to_quality", tier)
            subject.error(where, f"{tier!r} is not a tier", nearest(tier, get_args(Tier)))


def _adaptive(subject: Subject, known: Names, config: AdaptiveConfig | None, path: Where) -> None:
    here = (*path, "adaptive_router_config")
    if config is None or not config.available_models:
        remedy = "add `adaptive_router_config:` with `available_models:`"
        subject.error(path, "the router has no model to choose from", remedy)
        return
    for index, name in enumerate(config.available_models):
        _target(subject, known, name, (*here, "available_models", index))
    quality, cost = config.weights.quality, config.weights.cost
    if min(quality, cost) < 0 or abs(quality + cost - 1) > _ROUNDED:
        message = f"quality {quality:g} and cost {cost:g} are not 1 together"
        subject.error((*here, "weights"), message, "write `weights: {quality: 0.7, cost: 0.3}`")
