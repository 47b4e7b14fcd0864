"""Words that tell what a text asks for; a configuration may put its own in their place."""

import re
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"[a-z0-9_]+")
# every byte that is not part of a word in lower case becomes a blank: twice as quick as to search for words
_BLANKED: Final = bytes(byte if _WORD.fullmatch(chr(byte)) else ord(" ") for byte in range(256))

CODE: Final = (
    "api", "bash", "bug", "class", "codebase", "compile", "compiler", "css", "debug", "def", "dockerfile", "enum",
    "function", "functions", "git", "golang", "html", "import", "java", "javascript", "json", "kotlin", "lambda",
    "makefile", "php", "pip", "pytest", "python", "react", "refactor", "regex", "ruby", "rust", "script", "snippet",
    "sql", "swift", "traceback", "typescript", "unittest", "yaml", "code", "c++", "c#", "```", "#include", "=>",
    "stack trace", "unit test", "pull request", "null pointer", "syntax error",
)  # fmt: skip
REASONING: Final = (
    "chain of thought", "deduce", "derive", "explain why", "explain your reasoning", "first principles", "justify",
    "logically", "pros and cons", "prove", "proof", "reason about", "reason through", "show your reasoning",
    "show your work", "step by step", "step-by-step", "think carefully", "think through", "trade-offs", "tradeoffs",
    "weigh the", "work through", "counterexample", "critically",
)  # fmt: skip
TECHNICAL: Final = (
    "algorithm", "architecture", "asynchronous", "authentication", "authorization", "bandwidth", "cache", "caching",
    "cluster", "complexity", "concurrency", "concurrent", "consensus", "consistency", "container", "cryptography",
    "database", "deadlock", "deployment", "derivative", "differential", "distributed", "eigenvalue", "encryption",
    "failover", "gradient", "idempotent", "index", "infrastructure", "integral", "kernel", "kubernetes", "latency",
    "matrix", "microservice", "microservices", "mutex", "optimization", "optimize", "parallel", "partition",
    "performance", "pipeline", "polynomial", "probability", "protocol", "queue", "recursion", "replication",
    "scalability", "scalable", "schema", "sharding", "statistical", "theorem", "throughput", "transaction",
    "virtualization", "event sourcing", "eventual consistency", "load balancer", "machine learning", "neural network",
    "race condition", "rate limit", "big o",
)  # fmt: skip
SIMPLE: Final = (
    "bye", "define", "hello", "hey", "hi", "thanks", "translate", "capital of", "good evening", "good morning",
    "how are you", "how do you spell", "how old", "meaning of", "tell me a joke", "thank you", "what day", "what does",
    "what is", "what time", "what's", "when did", "when was", "where is", "who is", "who was", "yes or no",
)  # fmt: skip


class Words:
    """A text, in lower case, as its words in ASCII and as a whole."""

    __slots__ = ("text", "words")

    def __init__(self, text: str) -> None:
        self.text = text.lower()
        self.words = _words(self.text)


class Vocabulary:
    """Keywords of one kind. A word in ASCII is found as a whole word, everything else wherever it stands.

    A phrase is looked for only where all its words but the last occur, which may have an ending.
    """

    __slots__ = ("_phrases", "_words")

    def __init__(self, entries: Iterable[str]) -> None:
        lowered = {entry.strip().lower() for entry in entries} - {""}
        words = {entry for entry in lowered if _WORD.fullmatch(entry)}
        self._words = frozenset(word.encode() for word in words)
        self._phrases = tuple((_words(" ".join(phrase.split()[:-1])), phrase) for phrase in sorted(lowered - words))

    def count(self, words: Words) -> int:
        """Return how many of the keywords the text has; one that it has twice counts once."""
        phrases = sum(words.words >= first and phrase in words.text for first, phrase in self._phrases)
        return len(self._words & words.words) + phrases


def _words(lowered: str) -> frozenset[bytes]:
    return frozenset(lowered.encode("ascii", "replace").translate(_BLANKED).split())
