"""A guardrail's vendor that judges by words: HTTP/1.1 on a loopback port, in the form of the generic guardrail API.

"forbidden" is refused, "secret" is masked; below `/broken` it fails, below `/slow` it answers when it is let. Answers
of models hold neither: below `/refuses` all of them are refused, below `/shouts` they are put in capitals.
"""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tests.fakes.json_server import JsonServer

MASK = "[MASKED]"
REASON = "that is forbidden"


class Judge(JsonServer):
    """The server. `asked`: the documents that came, oldest first; `came`: one did; `let`: who is slow answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Mapping[str, Any]] = []
        self.let = threading.Event()
        self.came = threading.Event()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and verdict."""
        self.asked.append(body)
        self.came.set()
        if path.startswith("/slow"):
            self.let.wait(20)
        return 500 if path.startswith("/broken") else 200, self.verdict(path, body)

    def texts(self) -> list[list[str]]:
        """Return the texts that it was asked about, oldest first."""
        return [list(document["texts"]) for document in self.asked]

    def verdict(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what it says of a document."""
        texts: list[str] = document["texts"]
        answers = document["input_type"] == "response"
        if any("forbidden" in text for text in texts) or (answers and path.startswith("/refuses")):
            return {"action": "BLOCKED", "blocked_reason": REASON}
        if answers and path.startswith("/shouts"):
            return {"action": "GUARDRAIL_INTERVENED", "texts": [text.upper() for text in texts]}
        if any("secret" in text for text in texts):
            return {"action": "GUARDRAIL_INTERVENED", "texts": [text.replace("secret", MASK) for text in texts]}
        return {"action": "NONE"}

    def reset(self) -> None:
        """Forget what was asked; whoever waits goes on waiting."""
        self.asked.clear()
        self.came.clear()
        self.let.clear()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.let.set()
        super().__exit__(kind, value, at)
