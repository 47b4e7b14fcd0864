"""Which families are told with which labels, as the configuration says."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.config.schema import Config, Settings
from tianji.metrics.families import DEPLOYMENT, FAMILIES, Family

MOST: Final = 5000  # series of a family, where the configuration does not say
SIZES: Final = ((1000, "0-1k"), (4000, "1k-4k"), (16_000, "4k-16k"), (64_000, "16k-64k"))  # tokens of a prompt
LARGEST: Final = "64k+"
_CALLER: Final = "api_key_alias"
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")
_METADATA: Final = "metadata."
_SHOWS: Final = {"client_ip": "ip", "user_agent": "agent", "rate_limit_type": "limited"}  # facts by their labels


class Marks(Struct, frozen=True):
    """Labels that the configuration adds, made of each entry. `tags`: patterns of tags that one may have, by label."""

    tags: Mapping[str, str] = {}
    sized: bool = False
    streams: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """Return their names."""
        own = {"input_sequence_length": self.sized, "stream": self.streams}
        return (*self.tags, *(label for label, told in own.items() if told))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the numbers of tokens from which on another size is told."""
        return (1, *(above for above, _ in SIZES)) if self.sized else ()

    def of(self, tags: Iterable[str], tokens: int, streamed: bool) -> tuple[str, ...]:
        """Return their values. `tokens`: of the prompt."""
        found = [str(any(fnmatchcase(tag, pattern) for tag in tags)).lower() for pattern in self.tags.values()]
        found += [_size(tokens)] if self.sized else []
        found += [str(streamed)] if self.streams else []
        return tuple(found)


class Plan(Struct, frozen=True):
    """What is told.

    families: by name, those that are; marks: labels made of each entry
    metadata: labels, and the way to their values in a key's metadata; most: series of a family
    lifetime: seconds after which what nothing came to is forgotten; None: never
    """

    families: Mapping[str, Family]
    marks: Marks
    metadata: Mapping[str, tuple[str, ...]]
    most: int
    customers: int
    lifetime: float | None
    tells_customers: bool
    all_budgets: bool

    def only(self, names: frozenset[str]) -> "Plan":
        """Return the same for these families alone, by their names or those of their series; for all where none is."""
        if not names:
            return self
        wanted = {_bare(re.sub("_(bucket|sum|count)$", "", name)) for name in names} | names
        kept = {name: family for name, family in self.families.items() if _bare(name) in wanted or name in wanted}
        return msgspec.structs.replace(self, families=kept)

    def without(self) -> tuple[str, ...]:
        """Return the facts that no label shows."""
        shown = {label for family in self.families.values() if family.of for label in family.labels}
        unseen = [fact for label, fact in _SHOWS.items() if label not in shown]
        return (*unseen, *([] if self.tells_customers and "end_user" in shown else ["end_user"]))


def is_wanted(config: Config) -> bool:
    """Whether the configuration asks for these families: `prometheus` among the callbacks."""
    settings = config.litellm_settings
    return any(
        "prometheus" in names for names in (settings.callbacks, settings.success_callback, settings.failure_callback)
    )


def plan_of(config: Config) -> Plan:
    """Read the settings."""
    settings = config.litellm_settings
    tags = {f"tag_{_UNSAFE.sub('_', tag)}": tag for tag in settings.custom_prometheus_tags}
    metadata = {_UNSAFE.sub("_", path): _way(path) for path in settings.custom_prometheus_metadata_labels}
    sized = settings.prometheus_emit_input_sequence_length_label
    streamed = settings.prometheus_emit_stream_label
    added = (*tags, *metadata)
    families = (_labelled(family, settings, added, sized=sized, streamed=streamed) for family in FAMILIES)
    return Plan(
        families={family.name: family for family in _filtered(families, settings)},
        marks=Marks(tags, sized, streamed),
        metadata=metadata,
        most=settings.prometheus_metrics_max_series_per_metric or MOST,
        customers=settings.prometheus_end_user_metrics_max_series_per_metric,
        lifetime=settings.prometheus_metrics_ttl_seconds,
        tells_customers=settings.enable_end_user_cost_tracking_prometheus_only is True
        and not settings.disable_end_user_cost_tracking_prometheus_only,
        all_budgets=settings.prometheus_initialize_budget_metrics,
    )


def _way(path: str) -> tuple[str, ...]:
    return tuple(path.removeprefix(_METADATA).split("."))


def _size(tokens: int) -> str:
    return next((name for above, name in SIZES if tokens < above), LARGEST) if tokens else "unknown"


def _labelled(family: Family, settings: Settings, added: Iterable[str], *, sized: bool, streamed: bool) -> Family:
    """Return a family with the labels that the settings add to it."""
    labels = list(family.labels)
    whose = settings.prometheus_deployment_and_latency_caller_identity
    of_calls = "hashed_api_key" in labels and (family.kind == "histogram" or set(DEPLOYMENT) <= set(labels))
    if of_calls and whose in ("user_email", "both") and "user_email" not in labels:
        at = labels.index(_CALLER)
        labels[at : at + 1] = ["user_email"] if whose == "user_email" else [_CALLER, "user_email"]
    if streamed and family.name == "litellm_proxy_total_requests_metric_total":
        labels.append("stream")
    if settings.prometheus_emit_rate_limit_labels and family.name == "litellm_proxy_failed_requests_metric_total":
        labels += ["rate_limit_category", "rate_limit_type"]
    if sized and family.kind == "histogram":
        labels.append("input_sequence_length")
    if settings.prometheus_user_budget_label_include_email_alias and family.labels == ("user",):
        labels += ["user_email", "user_alias"]
    if "hashed_api_key" in family.labels and family.of:
        labels += added
    return msgspec.structs.replace(family, labels=tuple(labels))


def _filtered(families: Iterable[Family], settings: Settings) -> Iterable[Family]:
    """Return the families that are told, with the labels that are."""
    rows = settings.prometheus_metrics_config
    allowed: dict[str, set[str]] = {}
    for row in rows:
        for name in _words(row.get("metrics")):
            allowed.setdefault(_bare(name), set()).update(_words(row.get("include_labels")))
    refused = {_bare(name) for name in settings.prometheus_exclude_metrics}
    hidden = set(settings.prometheus_exclude_labels)
    for family in families:
        name = _bare(family.name)
        if name in refused or (rows and name not in allowed):
            continue
        kept = allowed.get(name)
        labels = tuple(one for one in family.labels if one not in hidden and (not kept or one in kept))
        yield msgspec.structs.replace(family, labels=labels)


def _bare(name: str) -> str:
    return name.removesuffix("_total")


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list | tuple) else []
