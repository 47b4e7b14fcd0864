"""Which texts of a content a guardrail is asked about. What is left out stays where it is, and cannot be changed."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Content, Kind, Text
from tianji.guardrails.slots.texts import Mismatched
from tianji.guardrails.verdict import Rewrite, Span

TOOLS = (Kind.TOOL_RESULT, Kind.TOOL_ARGUMENTS)


class Scope(Struct, frozen=True):
    """What is left out, as the entry of a guardrail says.

    skip_system: instructions; skip_tools: what tools were called with and what they brought; last_role: all but the
    last message of the user; only_tool_results: everything else; descriptions: what tools say of themselves. An answer
    is always in scope whole.
    """

    skip_system: bool = False
    skip_tools: bool = False
    last_role: bool = False
    only_tool_results: bool = False
    descriptions: bool = False

    def view(self, content: Content) -> "View":
        """Return what is in scope."""
        if content.answers or not self._leaves_out(content):
            return View(content, None)
        kept = self._kept(content)
        positions = tuple(at for at, text in enumerate(content.texts) if kept(text))
        calls = () if self.skip_tools or self.last_role or self.only_tool_results else content.calls
        return View(replace(content, texts=tuple(content.texts[at] for at in positions), calls=calls), positions)

    def _leaves_out(self, content: Content) -> bool:
        if self.skip_system or self.skip_tools or self.last_role or self.only_tool_results:
            return True
        return self.descriptions and any(text.kind is Kind.DESCRIPTION for text in content.texts)

    def _kept(self, content: Content) -> Callable[[Text], bool]:
        last = max((text.message for text in content.texts if _says(text)), default=-1) if self.last_role else -1

        def kept(text: Text) -> bool:
            if self.only_tool_results:
                return text.kind is Kind.TOOL_RESULT
            if self.last_role:
                return _says(text) and text.message == last
            if text.kind is Kind.DESCRIPTION:
                return not (self.descriptions or self.skip_tools)
            return not (
                (self.skip_system and text.kind is Kind.INSTRUCTIONS) or (self.skip_tools and text.kind in TOOLS)
            )

        return kept


class View(Struct, frozen=True):
    """What is in scope, and where it stands in the whole. positions: None where it is the whole."""

    content: Content
    positions: tuple[int, ...] | None

    def whole(self, rewrite: Rewrite) -> Rewrite:
        """Return a rewrite of what is in scope as one of everything. Raises Mismatched for what is not in scope."""
        if self.positions is None:
            return rewrite
        if any(not 0 <= index < len(self.positions) for index in rewrite.texts):
            raise Mismatched(f"a rewrite names another text than the {len(self.positions)} that are in scope")
        if rewrite.calls and not self.content.calls:
            raise Mismatched("a rewrite names a call that is not in scope")
        spans = tuple(
            Span(self.positions[span.index], span.start, span.end, span.replacement) for span in rewrite.spans
        )
        return replace(
            rewrite, texts={self.positions[index]: text for index, text in rewrite.texts.items()}, spans=spans
        )


def _says(text: Text) -> bool:
    return text.role == "user" and text.kind is Kind.SAID
