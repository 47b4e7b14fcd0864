"""semantic_guard: what means nearly the same as examples of what is not wanted, by vectors of a model of the gateway's.

Its keys are LiteLLM's. Long texts are compared piece by piece, since a few bad words weigh nothing in a long text.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import ClassVar, Final

import msgspec
from msgspec import Struct

from tianji._core.caching.directions import Directions
from tianji.errors import ConfigurationError
from tianji.guardrails import models
from tianji.guardrails.content import Content, Kind
from tianji.guardrails.matching.rule_files import read_rules
from tianji.guardrails.scoping import parts
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Check, Hook, Occasion, Params, Surroundings, Type
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable

_PIECE: Final = 600  # characters
_BATCH: Final = 256  # texts of one question
_REASON: Final = "It means what the guardrail is to keep out"


class Route(Struct, frozen=True):
    """Examples of one kind. `similarity_threshold`: how alike, from 0 to 1; None: as the entry says."""

    name: str
    utterances: tuple[str, ...]
    similarity_threshold: float | None = None
    description: str = ""


class RouteFile(Struct, frozen=True):
    """What a custom_routes_file holds."""

    routes: tuple[Route, ...]


class SemanticParams(Params, frozen=True, kw_only=True):
    """The keys of an entry. Without any `route_templates` and routes of its own all templates hold."""

    aliases: ClassVar = {"custom_route_file": "custom_routes_file"}

    embedding_model: str = "text-embedding-3-small"
    similarity_threshold: float = 0.75
    route_templates: tuple[str, ...] = ()
    custom_routes: tuple[Route, ...] = ()
    custom_routes_file: str = ""

    def asks(self) -> tuple[str, ...]:
        """Return the model that gives the vectors."""
        return (self.embedding_model,)


class _Meanings:
    """What compares. The vectors of the examples are asked for with the first content, and kept."""

    def __init__(self, params: SemanticParams, routes: tuple[Route, ...]) -> None:
        self._params = params
        self._examples = [(route, text) for route in routes for text in route.utterances]
        self._known: Directions | None = None

    def __call__(self, content: Content, _occasion: Occasion) -> Asking:
        said = [text.text for text in content.texts if content.answers or text.kind is not Kind.INSTRUCTIONS]
        pieces = [piece for text in said for piece in parts(text, _PIECE)]
        wanted = [text for _, text in self._examples] if self._known is None else []
        texts = wanted + pieces
        batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)] if pieces else []
        if not batches:
            return Allow()
        replies = yield [models.embeddings(self._params.embedding_model, batch) for batch in batches]
        pairs = zip(replies, batches, strict=True)
        found = [vector for reply, batch in pairs for vector in models.vectors(reply, len(batch))]
        try:
            known = self._known or Directions(found[: len(wanted)])
            alike = [known.nearest(vector) for vector in found[len(wanted) :]]
        except ValueError as error:
            self._known = None  # the model behind the name may be another one now
            raise Unavailable("the vectors of the model cannot be compared") from error
        self._known = known
        return self._judged(alike)

    def _judged(self, alike: list[tuple[int, float]]) -> Allow | Block:
        nearest = max(cosine for _, cosine in alike)
        for at, cosine in alike:
            route = self._examples[at][0]
            threshold = self._params.similarity_threshold
            if cosine >= (threshold if route.similarity_threshold is None else route.similarity_threshold):
                findings = Findings(score=round(cosine, 4), categories=(route.name,))
                return Block(_REASON, {"route": route.name, "similarity": findings.score}, findings)
        return Allow(findings=Findings(score=round(nearest, 4)))


def _check(params: SemanticParams, surroundings: Surroundings) -> Check:
    known = templates()
    own = params.custom_routes
    if params.custom_routes_file:
        own += read_rules(params.custom_routes_file, RouteFile, surroundings.folder, surroundings.environ).routes
    names = params.route_templates or (() if own else tuple(known))
    for name in names:
        if name not in known:
            raise ConfigurationError(f"route_templates: {name!r} is none; there are {', '.join(sorted(known))}")
    routes = (*(Route(name, known[name]) for name in names), *own)
    if not all(route.utterances for route in routes):
        raise ConfigurationError("custom_routes: each needs `utterances`, examples of what it is about")
    return _Meanings(params, routes)


@lru_cache(maxsize=1)
def templates() -> Mapping[str, tuple[str, ...]]:
    """Return the examples that are chosen by name."""
    data = (resources.files("tianji.guardrails.filtering") / "routes.yaml").read_bytes()
    return msgspec.yaml.decode(data, type=dict[str, tuple[str, ...]])


TYPE = Type(
    names=("semantic_guard",),
    params=SemanticParams,
    check=_check,
    hooks=PRE_AND_POST | {Hook.DURING_CALL},
    legacy=frozenset({Hook.PRE_CALL}),
)
