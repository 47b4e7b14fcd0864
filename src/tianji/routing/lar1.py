"""The strategy `lar1`: a request says what kind of answer it needs, and deployments of one type give it."""

from collections.abc import Mapping

from msgspec import Struct

from tianji._core.routing.selection import Selection
from tianji.config.decode import number
from tianji.config.schema import Config
from tianji.routing.selections import weights_of


class Thresholds(Struct, frozen=True):
    """Confidences below which a request goes to the fast cloud models, to local ones, and to the deep ones."""

    low: float = 0.3
    medium: float = 0.5
    high: float = 0.7


def thresholds_of(arguments: Mapping[str, object]) -> Thresholds:
    """Read `routing_strategy_args`; what is not written keeps its default."""
    values = {name: number(arguments.get(f"confidence_threshold_{name}")) for name in ("low", "medium", "high")}
    return Thresholds(**{name: value for name, value in values.items() if value is not None})


def target_type(metadata: Mapping[str, object], thresholds: Thresholds) -> str:
    """Return the `model_info.type` that serves a request with this `metadata.lar1`.

    Evidence that is not verified and little confidence need the smart models; memory and somewhat more the fast ones.
    """
    evidence = metadata.get("evidence")
    confidence = number(metadata.get("confidence"))
    if confidence is None:
        confidence = 0.5
    if (isinstance(evidence, list | tuple) and "UNVERIFIED" in evidence) or (
        metadata.get("time") != "MEM" and confidence < thresholds.low
    ):
        return "cloud-smart"
    if metadata.get("time") == "MEM" or confidence < thresholds.medium:
        return "cloud-fast"
    return "local" if confidence < thresholds.high else "deep"


class TypedDeployments(Struct, frozen=True):
    """The types of deployments by id, and how confident a request must be for which of them."""

    types: Mapping[str, str]
    thresholds: Thresholds

    def weights(self, metadata: object, selection: Selection) -> bytes | None:
        """Return `Needs.weights`: those of the wanted type have one; None where the request wants none."""
        wanted = metadata.get("lar1") if isinstance(metadata, Mapping) else None
        if not isinstance(wanted, Mapping):
            return None
        target = target_type(wanted, self.thresholds)
        return weights_of(selection, {name: float(kind == target) for name, kind in self.types.items()})


def typed_deployments(config: Config) -> TypedDeployments | None:
    """Read the types; None where the strategy is another."""
    router = config.router_settings
    if router.routing_strategy != "lar1":
        return None
    types = {entry.id: str(entry.info.written.get("type", "")) for entry in config.model_list}
    return TypedDeployments(types, thresholds_of(router.routing_strategy_args))
