"""What kind of request a text is: the seven kinds by which an adaptive router learns, told by its words.

The kinds and their names are those of LiteLLM's adaptive router; the words are ours. English only, as there.
"""

import re
from typing import Final, NamedTuple

from tianji.config.schema.auto_router import Kind

LOOKED_AT: Final = 2000  # characters: what is wanted is said first
GENERAL: Final[Kind] = "general"


class _Rule(NamedTuple):
    """A kind whose texts have a word of `first`, and where there is `then`, one of it at most `within` behind."""

    kind: Kind
    first: re.Pattern[str]
    then: re.Pattern[str] | None = None
    within: int = 120


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?![a-z0-9])", re.IGNORECASE)


_MAKE: Final = _words("write", "create", "generate", "implement", "build", "code", "develop", "program", "add")
_LANGUAGES: Final = (
    "python", "javascript", "typescript", "java", "rust", "golang", "go", r"c\+\+", "c#", "kotlin", "swift", "ruby",
    "php", "sql", "bash", "shell", "powershell", "html", "css", "regex",
)  # fmt: skip
_PARTS: Final = (
    "functions?", "methods?", "class(?:es)?", "scripts?", "programs?", "apis?", "endpoints?", "modules?", "components?",
    "quer(?:y|ies)", "parsers?", "(?:unit )?tests?", "microservices?", "dockerfile", "migrations?",
)  # fmt: skip
_CODE: Final = (
    "code", "functions?", "methods?", "class(?:es)?", "snippets?", "algorithms?", "stack ?traces?", "tracebacks?",
    "exceptions?", "errors?", "bugs?", "crash(?:es)?", "pull request", "pr", "diff", "patch", "commits?",
)  # fmt: skip
_SYSTEMS: Final = (
    "systems?", "architectures?", "services?", "microservices?", "databases?", "schemas?", "apis?", "modules?",
    "librar(?:y|ies)", "frameworks?", "protocols?", "queues?", "postgres(?:ql)?", "mysql", "mongodb", "dynamodb",
    "redis", "kafka", "nosql", "sql",
)  # fmt: skip
_RULES: Final = (
    _Rule("code_generation", _MAKE, _words(*_PARTS, *_LANGUAGES), within=48),
    _Rule(
        "code_understanding",
        _words(
            "explain",
            "describe",
            "understand",
            "what does",
            "how does",
            "walk me through",
            "debug",
            "fix",
            "trace",
            "review",
            "critique",
            "refactor",
            "why (?:is|does|do|isn't)",
        ),
        _words(*_CODE),
    ),
    _Rule(
        "technical_design",
        _words(
            "design",
            "architect",
            "plan",
            "structure",
            "compare",
            "trade-?offs?",
            "should (?:i|we) (?:use|pick|choose)",
            "how (?:should|do) (?:i|we) (?:design|structure|model|organi[sz]e)",
        ),
        _words(*_SYSTEMS),
    ),
    _Rule(
        "analytical_reasoning",
        _words("solve", "compute", "calculate", "prove", "derive", "evaluate"),
        _words(
            "equations?",
            "integrals?",
            "derivatives?",
            "theorems?",
            "proofs?",
            "problems?",
            "sums?",
            "limits?",
            "matri(?:x|ces)",
            "probabilit(?:y|ies)",
        ),
    ),
    _Rule(
        "analytical_reasoning",
        _words("suppose", "assume", "probability", "statistics", "combinatorics", "optimi[sz]ation problem"),
    ),
    _Rule(
        "writing",
        _words("write", "draft", "compose", "rewrite", "edit", "proofread", "polish", "shorten"),
        _words(
            "e-?mails?",
            "essays?",
            "blog",
            "posts?",
            "articles?",
            "letters?",
            "memos?",
            "copy",
            "paragraphs?",
            "sentences?",
            "poems?",
            "stor(?:y|ies)",
            "speech",
            "summar(?:y|ies)",
        ),
    ),
    _Rule("writing", _words("(?:more|less) (?:concise|formal|casual|friendly|professional|persuasive)")),
    _Rule("factual_lookup", re.compile(r"\s*(?:who|what|when|where|which)\s+(?:is|was|were|are|did)\b", re.IGNORECASE)),
    _Rule("factual_lookup", re.compile(r"\s*(?:define|definition of|meaning of)\b", re.IGNORECASE)),
    _Rule("factual_lookup", re.compile(r"\s*how (?:many|much|tall|old|far|long|do you spell)\b", re.IGNORECASE)),
)
_AT_START: Final = frozenset({"factual_lookup"})


def kind_of(text: str) -> Kind:
    """Return the kind of the first rule that fits, `general` for a text that none does. Linear in the text."""
    text = text[:LOOKED_AT]
    return next((rule.kind for rule in _RULES if _fits(rule, text)), GENERAL)


def _fits(rule: _Rule, text: str) -> bool:
    if rule.kind in _AT_START:
        return rule.first.match(text) is not None
    if rule.then is None:
        return rule.first.search(text) is not None
    return any(
        rule.then.search(text, found.end(), found.end() + rule.within) is not None
        for found in rule.first.finditer(text)
    )
