"""What is multiplied with a list price: surcharges of places, then the operator's discount and margin."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tianji.accounting.prices.exact import decimal

_LARGEST: Final = 1 << 40  # numerator and denominator of a factor


class Adjustment(Struct, frozen=True):
    """Factors as numerator and denominator: of the whole, and without discount and margin. `fixed`: nano-dollars."""

    factor: tuple[int, int]
    list_factor: tuple[int, int]
    fixed: int


NONE: Final = Adjustment((1, 1), (1, 1), 0)


class Markup(Struct, frozen=True):
    """`cost_discount_config` and `cost_margin_config` of `litellm_settings`.

    A discount is a fraction, by provider or by a pattern over provider/model; a margin is a fraction or a mapping with
    `percentage` (a fraction too) and `fixed_amount` (US dollars), by provider or for all as `global`.
    """

    discounts: Mapping[str, object] = {}
    margins: Mapping[str, object] = {}

    def adjustment(self, provider: str, model: str, surcharge: Fraction = Fraction(1)) -> Adjustment:
        """Return what holds for a deployment. Raises ValueError for a setting that cannot be applied."""
        discount = _fraction("cost_discount_config", self._discount(provider, f"{provider}/{model}"))
        if discount > 1:
            raise ValueError(f"cost_discount_config: {float(discount)} is more than all: write 0.05 for 5 %")
        margin = self.margins.get(provider, self.margins.get("global", 0))
        parts = margin if isinstance(margin, Mapping) else {"percentage": margin}
        share = _fraction("cost_margin_config", parts.get("percentage", 0))
        fixed = decimal(parts.get("fixed_amount", 0))
        if fixed < 0:
            raise ValueError(f"cost_margin_config: fixed_amount must not be negative: {fixed}")
        whole = surcharge * (1 - discount) * (1 + share)
        return Adjustment(_pair(whole), _pair(surcharge), int((fixed * 10**9).to_integral_value(ROUND_HALF_UP)))

    def _discount(self, provider: str, name: str) -> object:
        patterns = (value for key, value in self.discounts.items() if fnmatchcase(name, key))
        return next(patterns, self.discounts.get(provider, 0))


def surcharge(entry: Mapping[str, object], provider: str, api_base: str | None, location: str | None) -> Fraction:
    """Return the factor of a place: of OpenAI's hosts of a region, and of Vertex AI outside of `global`.

    Source: regional_processing_uplift_multiplier_* and regional_endpoint_uplift_multiplier of the price map.
    """
    factor: object = None
    if provider == "openai":
        region = (urlsplit(api_base or "").hostname or "").partition(".api.openai.com")
        if region[1] and not region[2]:
            factor = entry.get(f"regional_processing_uplift_multiplier_{region[0]}")
    elif provider == "vertex_ai" and location and location != "global":
        factor = entry.get("regional_endpoint_uplift_multiplier")
    return Fraction(decimal(factor)) if factor is not None else Fraction(1)


def _fraction(setting: str, value: object) -> Fraction:
    try:
        found = Fraction(decimal(value))
    except ValueError:
        raise ValueError(f"{setting}: expected a fraction such as 0.05, not {value!r}") from None
    if found < 0:
        raise ValueError(f"{setting}: {value} is negative")
    return found


def _pair(factor: Fraction) -> tuple[int, int]:
    if max(factor.numerator, factor.denominator) > _LARGEST:
        raise ValueError(f"cost_discount_config, cost_margin_config: {float(factor)} as a factor has too many digits")
    return factor.numerator, factor.denominator
