"""What was masked in a request stands in the answer again, for the one who said it."""

import re
from collections.abc import Mapping

from tianji.guardrails.content import Content
from tianji.guardrails.verdict import Allow, Rewrite, Span, masking


class Restoring:
    """Puts originals where an answer has tokens: a verdict like any other, so bodies and streams know how to take it.

    tokens: what stands for what; one may begin another. reach: code points of the longest, for streams
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = {token: original for token, original in tokens.items() if token}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._expression = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self.reach = len(longest_first[0]) if longest_first else 0

    def __call__(self, content: Content) -> Rewrite | Allow:
        """Return where tokens stand in an answer, and what for."""
        spans = (
            Span(at, found.start(), found.end(), self._tokens[found[0]])
            for at, text in enumerate(content.texts)
            if not text.fixed
            for found in self._expression.finditer(text.text)
        )
        return masking(content.texts, spans)
