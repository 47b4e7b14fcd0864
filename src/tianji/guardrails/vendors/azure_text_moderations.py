"""Azure AI Content Safety, text moderation: harm in four categories, and the blocklists of the resource.

https://learn.microsoft.com/azure/ai-services/content-safety/quickstart-text
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Type, asking
from tianji.guardrails.vendors.azure_prompt_shield import LONGEST, ContentSafety, safety_call
from tianji.guardrails.verdict import Allow, Block

Category = Literal["Hate", "Sexual", "SelfHarm", "Violence"]
_USUAL: Final = 2


class TextModerations(ContentSafety, frozen=True, kw_only=True):
    """From which severity on a category is refused: its own threshold, else the common one; 2 if none is set."""

    severity_threshold: int | None = None
    severity_threshold_by_category: Mapping[Category, int] = {}
    categories: tuple[Category, ...] = ()
    blocklistNames: tuple[str, ...] = ()  # noqa: N815 - the key as it is written
    haltOnBlocklistHit: bool = False  # noqa: N815
    outputType: Literal["FourSeverityLevels", "EightSeverityLevels"] = "FourSeverityLevels"  # noqa: N815

    def threshold(self, category: str) -> int | None:
        """Return the severity from which on a category is refused; None: none is."""
        common = self.severity_threshold
        if not common:  # 0 would refuse everything
            common = None if self.severity_threshold_by_category else _USUAL
        return next((own for name, own in self.severity_threshold_by_category.items() if name == category), common)


class _Analysis(Struct):
    category: str
    severity: int | None = None


class _Match(Struct, rename="camel"):
    blocklist_name: str = ""


class _Answer(Struct, rename="camel"):
    categories_analysis: list[_Analysis]
    blocklists_match: list[_Match] | None = None


def _ask(params: TextModerations, content: Content, _occasion: Occasion) -> Asking:
    chosen = {"categories": params.categories, "blocklistNames": params.blocklistNames}
    options = {
        "haltOnBlocklistHit": params.haltOnBlocklistHit,
        "outputType": params.outputType,
        **{name: value for name, value in chosen.items() if value},
    }
    texts = [text.text for text in content.texts if text.text]
    replies = yield [safety_call(params, "text:analyze", {"text": text, **options}) for text in texts]
    for answer in [reply.read(_Answer) for reply in replies]:
        for each in answer.categories_analysis:
            least = params.threshold(each.category)
            if least is not None and each.severity is not None and each.severity >= least:
                crossed = f"{each.category} crossed severity {least}, Got severity: {each.severity}"
                return Block(f"Azure Content Safety Guardrail: {crossed}")
        if answer.blocklists_match:
            names = sorted({match.blocklist_name for match in answer.blocklists_match})
            return Block(f"Azure Content Safety Guardrail: blocklist hit: {', '.join(names)}")
    return Allow()


TYPE = Type(
    names=("azure/text_moderations", "azure_text_moderation"),
    params=TextModerations,
    check=asking(_ask),
    hooks=PRE_AND_POST,
    longest=LONGEST,
)
