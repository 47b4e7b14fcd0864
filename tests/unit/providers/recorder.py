"""A token service for tests."""

import json
from collections.abc import Mapping
from typing import Any


class Recorder:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, url, headers, body))
        status, value = self.answers.pop(0)
        return status, value if isinstance(value, bytes) else json.dumps(value).encode()
