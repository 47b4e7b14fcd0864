"""The strategy `lar1`: a request says what kind of answer it needs, and deployments of one type give it."""

from collections.abc import Mapping

from msgspec import Struct

from tianji.config.decode import number


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
