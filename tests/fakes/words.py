"""An embedding model of one process: texts of the same words have the same vector, and of other words another one."""

import hashlib
import math
import re
from typing import Any

from tests.fakes.json_server import JsonServer

SIZE = 64


class Words(JsonServer):
    """Speaks OpenAI's embeddings. `status`: what it answers instead, where it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 200

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body of an answer."""
        if self.status != 200:
            return self.status, {"error": {"message": "not now"}}
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [{"object": "embedding", "index": at, "embedding": vector(text)} for at, text in enumerate(texts)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "data": data, "model": body["model"], "usage": usage}


def vector(text: str) -> list[float]:
    """Return a vector of length 1: each word counts in a place of its own, more or less."""
    found = [0.0] * SIZE
    for word in re.findall(r"\w+", text.lower()):
        found[hashlib.sha256(word.encode()).digest()[0] % SIZE] += 1.0
    length = math.hypot(*found) or 1.0
    return [value / length for value in found]
