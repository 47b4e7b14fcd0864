"""Routers behind a model (`model: auto_router/...`): what leads a request to a model group by its content."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from types import MappingProxyType
from typing import ClassVar, Final, Literal, get_args

from tianji.config.schema.base import Flag, Names, Section

MARKER: Final = "auto_router/"
"""What `litellm_params.model` begins with when the entry is a router and no upstream."""

COMPLEXITY: Final = MARKER + "complexity_router"
QUALITY: Final = MARKER + "quality_router"
ADAPTIVE: Final = MARKER + "adaptive_router"

Language = Literal["ar", "de", "el", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pt", "ru", "th", "uk", "zh"]
Tier = Literal["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"]
Kind = Literal[
    "code_generation",
    "code_understanding",
    "technical_design",
    "analytical_reasoning",
    "writing",
    "factual_lookup",
    "general",
]
Dimension = Literal[
    "tokenCount",
    "codePresence",
    "reasoningMarkers",
    "technicalTerms",
    "simpleIndicators",
    "multiStepPatterns",
    "questionComplexity",
]


class AutoRule(Section, frozen=True, kw_only=True):
    """One of `auto_router_rules`, Tianji's own: where all its conditions hold, `model` takes the request.

    The conditions look at the last message of the user. `regex` has RE2's syntax, tokens are estimated, and a code
    share lies between 0 and 1.
    """

    required: ClassVar[frozenset[str]] = frozenset({"model"})
    remedies = MappingProxyType({"model": "name the model group that takes the request"})
    model: str
    name: str | None = None  # for the answer's header; the model's otherwise
    regex: str | None = None
    min_characters: int | None = None
    max_characters: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_code_share: float | None = None
    max_code_share: float | None = None
    languages: tuple[Language, ...] = ()
    has_tools: Flag | None = None
    has_images: Flag | None = None


class Route(Section, frozen=True, kw_only=True):
    """A route of the semantic router: its name is the model group, its utterances are examples of what belongs there.

    `function_schemas`, `llm` and `metadata` are taken and have no effect, as in LiteLLM.
    """

    required: ClassVar[frozenset[str]] = frozenset({"name", "utterances"})
    remedies = MappingProxyType({"utterances": "write a few sentences that belong to this route"})
    name: str
    utterances: Names
    description: str | None = None
    score_threshold: float | None = None
    function_schemas: object = None
    llm: object = None
    metadata: object = None


class SemanticConfig(Section, frozen=True, kw_only=True):
    """`auto_router_config`; which encoder embeds is decided by `auto_router_embedding_model` alone."""

    required: ClassVar[frozenset[str]] = frozenset({"routes"})
    routes: tuple[Route, ...] = ()
    encoder_type: str | None = None
    encoder_name: str | None = None


class Boundaries(Section, frozen=True, kw_only=True):
    """The score at which the next tier begins."""

    simple_medium: float = 0.15
    medium_complex: float = 0.35
    complex_reasoning: float = 0.60


class TokenThresholds(Section, frozen=True, kw_only=True):
    """Below `simple` tokens a text is short, above `complex` it is long."""

    simple: int = 15
    complex: int = 400


class KeywordRule(Section, frozen=True, kw_only=True):
    """One of `keyword_tier_rules`: where a keyword stands in the text, the tier is decided."""

    required: ClassVar[frozenset[str]] = frozenset({"keywords", "tier"})
    keywords: Names
    tier: Tier


class ComplexityConfig(Section, frozen=True, kw_only=True):
    """`complexity_router_config`. Keywords replace the router's own; `custom_technical_keywords` are added to them."""

    tiers: dict[str, str | Names] = {}
    default_model: str | None = None
    tier_boundaries: Boundaries = Boundaries()
    token_thresholds: TokenThresholds = TokenThresholds()
    dimension_weights: dict[str, float] = {}
    code_keywords: Names | None = None
    reasoning_keywords: Names | None = None
    technical_keywords: Names | None = None
    simple_keywords: Names | None = None
    custom_technical_keywords: Names = ()
    keyword_tier_rules: tuple[KeywordRule, ...] = ()
    classifier_type: str | None = None


class QualityConfig(Section, frozen=True, kw_only=True):
    """`quality_router_config`. Each of `available_models` says in its `model_info` which quality it has."""

    available_models: Names = ()
    default_model: str | None = None
    complexity_to_quality: dict[str, int] = {}


class RoutingPreferences(Section, frozen=True, kw_only=True):
    """`model_info.litellm_routing_preferences`: what a quality router goes by; the lowest `order` comes first."""

    required: ClassVar[frozenset[str]] = frozenset({"quality_tier"})
    remedies = MappingProxyType({"quality_tier": "write a whole number, higher for a better model"})
    quality_tier: int
    keywords: Names = ()
    order: int | None = None


class AdaptiveWeights(Section, frozen=True, kw_only=True):
    """How much quality and cost count; together they are 1."""

    quality: float = 0.7
    cost: float = 0.3


class AdaptiveConfig(Section, frozen=True, kw_only=True):
    """`adaptive_router_config`."""

    available_models: Names = ()
    weights: AdaptiveWeights = AdaptiveWeights()


class AdaptivePreferences(Section, frozen=True, kw_only=True):
    """`model_info.adaptive_router_preferences`: what an adaptive router believes before it has learnt anything."""

    required: ClassVar[frozenset[str]] = frozenset({"quality_tier"})
    remedies = MappingProxyType(
        {"quality_tier": "write 1, 2 or 3, the best", "strengths": f"write some of: {', '.join(get_args(Kind))}"}
    )
    quality_tier: Literal[1, 2, 3]
    strengths: tuple[Kind, ...] = ()
